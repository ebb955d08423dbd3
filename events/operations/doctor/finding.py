"""What a check of the doctor says."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What was looked at and what it is like; a fault says what mends it, and is one only then."""

    about: str
    found: str
    remedy: str = ""

    @property
    def is_fault(self) -> bool:
        return bool(self.remedy)
