"""Let a search see what a consistency token names: wait for the documents, refresh once for all who wait, search."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from events.consistency_token import ConsistencyToken
from readmodel.conf import conf
from readmodel.consistency.visibility import Visibility
from readmodel.exceptions import StateNotReached
from readmodel.index.aliases import Target
from readmodel.index.document_index import DocumentIndex, shared_index
from readmodel.projection import Projection

MAX_WAITING = 100
"""Requests of this process: while nothing arrives, more threads that wait for it would do harm."""


class ConsistentReads:
    """Reads of the searched index; all threads of a process share one of these."""

    def __init__(self, index: DocumentIndex) -> None:
        self._index = index
        self._visibility: Visibility | None = None
        self._places = BoundedSemaphore(MAX_WAITING)

    def read[T](self, token: ConsistencyToken, search: Callable[[], T]) -> T:
        """Search as soon as that shows what the token names, and return the answer.

        Raise StateNotReached after READMODEL_CONSISTENCY_SECONDS, EventParked as soon as that is clear, and what the
        search raises.
        """
        deadline = time.monotonic() + conf.consistency_seconds
        searched = self._index.searched()
        while True:
            with self._place():
                self._visibility_of(searched).wait(token, deadline)
            answer = search()
            before, searched = searched, self._index.searched()
            if searched == before:
                return answer  # Had the alias moved meanwhile, the search might have been in an index that lacks it.

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise StateNotReached(f"{MAX_WAITING} requests wait already")
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
    """Return those of the index of a projection that has a document for each aggregate."""
    return _reads_of(shared_index(projection))


@cache
def _reads_of(index: DocumentIndex) -> ConsistentReads:
    return ConsistentReads(index)
