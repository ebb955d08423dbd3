"""Walk over the log and over an index, in steps of bounded size, and find what differs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from events.exceptions import TargetLost
from readmodel.index.document_index import DocumentIndex
from readmodel.index.documents import after_id
from readmodel.projection import VERSION_STEP
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import Difference
from readmodel.verification.repair import Look, repair

TOLD_AT_ONCE = 500
DOCUMENTS_AT_ONCE = 1_000
VERSIONS_AT_ONCE = 2_000
SAMPLE = 1_000


class Step(NamedTuple):
    """How many documents were looked at, which of them differ, and the last one's id, to go on after."""

    compared: int
    differences: list[Difference]
    last: str


class Way(NamedTuple):
    """Steps of one kind through an index, of how many documents about, and how an interrupted run goes on."""

    of: str
    steps: Iterator[Step]
    total: int
    option: str = ""
    is_from_log: bool = True


class Verification:
    """The comparison of one index with the log, with repairs if these are wanted. It may go on after any step."""

    def __init__(self, comparison: Comparison, *, repair: bool) -> None:
        self.comparison = comparison
        self.repair = repair
        self.name = comparison.documents.target.name

    def ways(self, *, sample: int | None = None, ghosts: bool = False, after: str = "") -> Iterator[Way]:
        """Return what is to be gone through: all, some chosen at random, or ghosts alone."""
        if sample:
            yield Way("a sample", self.compare_sample(sample), sample)
            return
        if not ghosts:
            yield Way("what the log tells", self.compare(after), self.comparison.events.count(), "--after")
        documents = self.comparison.documents.count()
        steps = self.find_ghosts(after if ghosts else "")
        yield Way("documents", steps, documents, "--ghosts --after", is_from_log=False)

    def compare(self, after: str = "") -> Iterator[Step]:
        """Compare the documents of which the log tells; raise ValueError if none can have the id to go on after."""
        while ids := self.comparison.events.keys_after(after, TOLD_AT_ONCE):
            after = ids[-1]
            yield self._compare(ids)

    def compare_sample(self, size: int) -> Iterator[Step]:
        """Compare so many of them, chosen at random."""
        ids = self.comparison.events.random_keys(size)
        for start in range(0, len(ids), TOLD_AT_ONCE):
            yield self._compare(ids[start : start + TOLD_AT_ONCE])

    def prove(self) -> Iterator[Step]:
        """Compare the version of each document, the whole of some, and how many there are.

        Less than all that can be wrong, but all that filling an index from the log can leave out or do twice.
        """
        stored = 0
        versions = self.comparison.events.versions_after("", VERSIONS_AT_ONCE)
        while versions:
            ids = list(versions)
            found = self.comparison.documents.versions(ids)
            stored += len(found)
            suspects = [key for key, version in versions.items() if found.get(key) != version * VERSION_STEP]
            yield Step(len(ids), self._compare(suspects).differences if suspects else [], ids[-1])
            versions = self.comparison.events.versions_after(ids[-1], VERSIONS_AT_ONCE)
        yield from self.compare_sample(SAMPLE)
        self.comparison.documents.refresh()
        if self.comparison.documents.count() != stored:  # There are ghosts, or more was written meanwhile.
            yield from self.find_ghosts()

    def find_ghosts(self, after: str = "") -> Iterator[Step]:
        """Find the documents of which the log has no event."""
        documents = self.comparison.documents
        documents.refresh()
        page = documents.page(after_id(after), DOCUMENTS_AT_ONCE)
        while page.ids:
            yield Step(len(page.ids), self._mended(self.comparison.ghosts(page.ids), self.comparison.ghosts), page.last)
            page = documents.page(page.end, DOCUMENTS_AT_ONCE)

    def _compare(self, ids: Sequence[str]) -> Step:
        differences = self._mended(self.comparison.differences(ids), self.comparison.differences)
        return Step(len(ids), differences + self.comparison.parked(ids), ids[-1])

    def _mended(self, differences: list[Difference], look: Look) -> list[Difference]:
        return repair(self.comparison.documents, differences, look=look) if self.repair else differences


def kept_comparisons(indices: Iterable[DocumentIndex], *, name: str = "") -> list[Comparison]:
    """Return those of all kept indices, or of the one of that name; raise TargetLost if there is none.

    Without a name there must be one for each projection: what is gone is no proof.
    """
    found = []
    for index in indices:
        kept = index.kept()
        if not (kept or name):
            raise TargetLost(f"there is no index {index.indices.alias!r}")
        found += [Comparison(documents) for documents in kept if name in {"", documents.target.name}]
    if not found:
        raise TargetLost(f"there is no index {name!r} that is kept")
    return found
