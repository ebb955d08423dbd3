"""One thing to do for a release."""

from typing import NamedTuple

FIRST, AFTERWARDS = "first", "afterwards"


class Step(NamedTuple):
    about: str
    found: str
    do: str
    when: str = FIRST
    """Whether it is done before the new code starts, or after all of it has."""
    is_survived: bool = True
    """Whether the running processes are known to go on meanwhile, as if nothing had happened."""
