"""Walk over the log and over an index, in steps of bounded size, and find what differs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from readmodel.comparison import Comparison, Difference
from readmodel.documents import after_id
from readmodel.repair import Look, repair

TICKETS_AT_ONCE = 500
DOCUMENTS_AT_ONCE = 1_000


class Step(NamedTuple):
    """How many tickets or documents were looked at, which of them differ, and the last one's id, to go on after."""

    compared: int
    differences: list[Difference]
    last: str


class Verification:
    """The comparison of one index with the log, with repairs if these are wanted. It may go on after any step."""

    def __init__(self, comparison: Comparison, *, repair: bool) -> None:
        self.comparison = comparison
        self.repair = repair

    def compare_tickets(self, after: str = "") -> Iterator[Step]:
        """Compare the documents of the tickets of which the log tells."""
        while subjects := self.comparison.events.subjects_after(after, TICKETS_AT_ONCE):
            after = subjects[-1]
            yield self._compare(subjects)

    def compare_sample(self, size: int) -> Iterator[Step]:
        """Compare so many tickets, chosen at random."""
        subjects = self.comparison.events.random_subjects(size)
        for start in range(0, len(subjects), TICKETS_AT_ONCE):
            yield self._compare(subjects[start : start + TICKETS_AT_ONCE])

    def find_ghosts(self, after: str = "") -> Iterator[Step]:
        """Find the documents of which the log has no event."""
        documents = self.comparison.documents
        documents.refresh()
        page = documents.page(after_id(after), DOCUMENTS_AT_ONCE)
        while page.ids:
            yield Step(len(page.ids), self._mended(self.comparison.ghosts(page.ids), self.comparison.ghosts), page.last)
            page = documents.page(page.end, DOCUMENTS_AT_ONCE)

    def _compare(self, subjects: Sequence[str]) -> Step:
        differences = self._mended(self.comparison.differences(subjects), self.comparison.differences)
        return Step(len(subjects), differences + self.comparison.parked(subjects), subjects[-1])

    def _mended(self, differences: list[Difference], look: Look) -> list[Difference]:
        return repair(self.comparison.documents, differences, look=look) if self.repair else differences
