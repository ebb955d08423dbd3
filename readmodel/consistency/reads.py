"""Let a search see what a consistency token names: wait for the documents, refresh the index, search."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from events.consistency_token import ConsistencyToken
from readmodel.conf import conf
from readmodel.consistency.visibility import Visibility
from readmodel.exceptions import StateNotReached
from readmodel.index.document_index import DocumentIndex, shared_index
from readmodel.index.notes import Target
from readmodel.projection import Projection


class ConsistentReads:
    """Consistent reads of the searched index. All threads of a process share one object."""

    def __init__(self, index: DocumentIndex) -> None:
        self._index = index
        self._visibility: Visibility | None = None
        self._places = BoundedSemaphore(conf.max_waiting)

    def read[T](self, token: ConsistencyToken, search: Callable[[], T]) -> T:
        """Wait until searches show what the token names, then search and return the answer.

        Raise StateNotReached after READMODEL_CONSISTENCY_SECONDS, EventParked as soon as a dead letter is found, and
        any error of the search.
        """
        deadline = time.monotonic() + conf.consistency_seconds
        searched = self._index.searched()
        while True:
            with self._place():
                self._visibility_of(searched.target).wait(token, deadline, is_replicated=searched.is_replicated)
            answer = search()
            before, searched = searched, self._index.searched()
            if searched.target == before.target:
                return answer  # If the alias has moved, the search may have been in an index that was not waited for.

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise StateNotReached(f"{conf.max_waiting} requests are waiting already")
        try:
            yield
        finally:
            self._places.release()

    def _visibility_of(self, target: Target) -> Visibility:
        visibility = self._visibility
        if visibility is None or visibility.target != target:
            visibility = self._visibility = Visibility(self._index.documents(target))
        return visibility


def consistent_reads(projection: type[Projection]) -> ConsistentReads:
    """Return the shared reads of a projection's index; it must be one with a document for each aggregate."""
    return _reads_of(shared_index(projection))


@cache
def _reads_of(index: DocumentIndex) -> ConsistentReads:
    return ConsistentReads(index)
