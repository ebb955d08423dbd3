"""Go through the log and through an index, in steps of bounded size, and find the differences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from events.exceptions import TargetLost
from readmodel.index.document_index import DocumentIndex
from readmodel.index.documents import after_id
from readmodel.projection import VERSION_STEP
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import Difference
from readmodel.verification.repair import Look, repair

IDS_AT_ONCE = 500
DOCUMENTS_AT_ONCE = 1_000
VERSIONS_AT_ONCE = 2_000
SAMPLE = 1_000


class Step(NamedTuple):
    """The number of documents that were compared, their differences, and the last one's id, to continue after."""

    compared: int
    differences: list[Difference]
    last: str


class Part(NamedTuple):
    """One part of a verification: its steps, and roughly the number of its documents."""

    title: str
    steps: Iterator[Step]
    total: int
    option: str = ""
    """The option with which an interrupted run continues, "" if it can't."""
    is_from_log: bool = True


class Verification:
    """The comparison of one index with the log, optionally with repairs. It can continue after any step."""

    def __init__(self, comparison: Comparison, *, repair: bool) -> None:
        self.comparison = comparison
        self.repair = repair
        self.name = comparison.documents.target.name

    def parts(self, *, sample: int | None = None, ghosts: bool = False, after: str = "") -> Iterator[Part]:
        """Yield the parts of the verification: of all documents, of a random sample, or of the ghosts alone."""
        if sample:
            yield Part("a sample", self.compare_sample(sample), sample)
            return
        if not ghosts:
            yield Part("the log", self.compare(after), self.comparison.events.count(), "--after")
        documents = self.comparison.documents.count()
        steps = self.find_ghosts(after if ghosts else "")
        yield Part("documents", steps, documents, "--ghosts --after", is_from_log=False)

    def compare(self, after: str = "") -> Iterator[Step]:
        """Compare all documents that have events in the log; raise ValueError if `after` can't be an id."""
        while ids := self.comparison.events.keys_after(after, IDS_AT_ONCE):
            after = ids[-1]
            yield self._compare(ids)

    def compare_sample(self, size: int) -> Iterator[Step]:
        """Compare this many documents, chosen at random."""
        ids = self.comparison.events.random_keys(size)
        for start in range(0, len(ids), IDS_AT_ONCE):
            yield self._compare(ids[start : start + IDS_AT_ONCE])

    def prove(self) -> Iterator[Step]:
        """Compare the version of each document, some whole documents, and the number of documents.

        This does not find every difference, but every event that was left out while the index was filled.
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
        if self.comparison.documents.count() != stored:  # There are ghosts, or documents were written meanwhile.
            yield from self.find_ghosts()

    def find_ghosts(self, after: str = "") -> Iterator[Step]:
        """Find the documents that have no event in the log."""
        documents = self.comparison.documents
        documents.refresh()
        page = documents.page(after_id(after), DOCUMENTS_AT_ONCE)
        while page.ids:
            ghosts = self._repaired(self.comparison.ghosts(page.ids), self.comparison.ghosts)
            yield Step(len(page.ids), ghosts, page.last)
            page = documents.page(page.end, DOCUMENTS_AT_ONCE)

    def _compare(self, ids: Sequence[str]) -> Step:
        differences = self._repaired(self.comparison.differences(ids), self.comparison.differences)
        return Step(len(ids), differences + self.comparison.parked(ids), ids[-1])

    def _repaired(self, differences: list[Difference], look: Look) -> list[Difference]:
        return repair(self.comparison.documents, differences, look=look) if self.repair else differences


def kept_comparisons(indices: Iterable[DocumentIndex], *, name: str = "") -> list[Comparison]:
    """Return the comparisons of all kept indices, or of the named one; raise TargetLost if there is none.

    Without a name, raise it also if any of the projections has no index: a missing index is not a correct one.
    """
    found = []
    for index in indices:
        kept = index.kept()
        if not (kept or name):
            raise TargetLost(
                f"there is no index {index.indices.alias!r}: `manage.py consume_events readmodel` creates it"
            )
        found += [Comparison(documents) for documents in kept if name in {"", documents.target.name}]
    if not found:
        raise TargetLost(f"{name!r} is not a kept index of the chosen projections")
    return found
