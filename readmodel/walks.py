"""The ways through one index, page by page: over what the log tells of, and over the documents that there are."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from readmodel.comparison import Comparison
from readmodel.difference import Difference


class Walk(ABC):
    """Begins anew after its end, for ever. Its methods raise as those of Documents do, and may be called again then."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @abstractmethod
    def page(self, limit: int) -> Sequence[str]:
        """Return the next ids; fewer than the limit at the end."""

    @abstractmethod
    def go_on(self) -> None:
        """Let the next page be that after the last one."""

    @abstractmethod
    def look(self, ids: Sequence[str]) -> list[Difference]:
        """Compare these documents."""


class WalkOverLog(Walk):
    """Finds what is missing, stale, altered or lifted."""

    _after = ""
    _last = ""

    def page(self, limit: int) -> Sequence[str]:
        ids = self.comparison.events.keys_after(self._after, limit)
        self._last = ids[-1] if len(ids) == limit else ""
        return ids

    def go_on(self) -> None:
        self._after = self._last

    def look(self, ids: Sequence[str]) -> list[Difference]:
        return self.comparison.differences(ids)


class WalkOverDocuments(Walk):
    """Finds ghosts."""

    _after: Sequence[Any] = ()
    _last: Sequence[Any] = ()

    def page(self, limit: int) -> Sequence[str]:
        page = self.comparison.documents.page(self._after, limit)
        self._last = page.end if len(page.ids) == limit else ()
        return page.ids

    def go_on(self) -> None:
        self._after = self._last

    def look(self, ids: Sequence[str]) -> list[Difference]:
        return self.comparison.ghosts(ids)
