"""The result of a check of the doctor."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A result of a check. A result with a remedy is a fault."""

    about: str
    found: str
    remedy: str = ""

    @property
    def is_fault(self) -> bool:
        return bool(self.remedy)
