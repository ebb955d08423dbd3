"""What is told of each attempt to send a message."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What followed an attempt."""

    TAKEN = "taken"
    AGAIN = "again"
    PARKED = "parked"
    GONE = "gone"
    REFUSED = "refused"
    """Of a test message, which is tried once."""


class Attempt(NamedTuple):
    webhook_id: str
    number: int
    """1 is the first; a process counts only its own."""
    outcome: Outcome
    status: int | None
    """None if there was no answer."""
    seconds: float
    error: str
