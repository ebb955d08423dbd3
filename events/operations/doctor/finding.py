"""The result of a check of the doctor."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A result of a check. A result with a remedy is a fault."""

    about: str
    found: str
    remedy: str = ""
    blocks: bool = False
    """Whether a server can't work until this is repaired; what else would be found there follows from it."""

    @property
    def is_fault(self) -> bool:
        return bool(self.remedy)
