"""The calls of handlers that are in progress in this process, for the thread that notices when one hangs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from events.envelope import Envelope
from events.groups.checkpoint import Claim
from events.models import DeadLetter
from events.processes.progress import progress


class Call(NamedTuple):
    """The events that a handler was given; `letter` if they are the event of a dead letter that is retried."""

    claim: Claim
    batch: Sequence[Envelope]
    letter: DeadLetter | None


_in_progress: dict[object, Call] = {}


@contextmanager
def calling(claim: Claim, batch: Sequence[Envelope], letter: DeadLetter | None = None) -> Iterator[None]:
    """Note the call during the block; its start and its end are progress."""
    key = object()
    progress()
    _in_progress[key] = Call(claim, batch, letter)
    try:
        yield
    finally:
        del _in_progress[key]
        progress()


def calls_in_progress(group: str) -> list[Call]:
    return [call for call in list(_in_progress.values()) if call.claim.group == group]
