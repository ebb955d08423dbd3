"""The result of a check of the doctor."""

from typing import NamedTuple

NO_ANSWER = "server-does-not-answer"
"""The page about any server that does not answer."""


class Finding(NamedTuple):
    """A result of a check. A result with a remedy is a fault."""

    about: str
    found: str
    remedy: str = ""
    page: str = ""
    """The page of docs/operations/runbook, which says more than the remedy; each fault has one."""
    blocks: bool = False
    """Whether a server can't work until this is repaired; what else would be found there follows from it."""

    @property
    def is_fault(self) -> bool:
        return bool(self.remedy)
