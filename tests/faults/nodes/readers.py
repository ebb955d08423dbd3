"""Search while nodes are away: as anybody does, and as somebody who must see what they have just written."""

import threading
import time
from itertools import pairwise

from django.db import connections

from events import unit_of_work
from events.consistency_token import read_token, token_of
from events.exceptions import RetryLater
from readmodel.consistency.reads import ConsistentReads
from readmodel.exceptions import StateNotReached
from readmodel.index.document_index import connect
from readmodel.tickets.documents import TicketDocuments
from tests.tickets import FIELDS
from tickets.models import Ticket

PAUSE_SECONDS = 0.05


class Reader(threading.Thread):
    """Writes a ticket and searches for it, again and again."""

    def __init__(self) -> None:
        super().__init__(name="reader", daemon=True)
        self.seen: list[float] = []
        """When each search was answered that showed what had been written."""
        self.refused = 0
        """Searches that said that they can't show it now."""
        self.wrong: list[str] = []
        self.began_at = time.monotonic()
        self.ended_at = self.began_at
        self._must_stop = threading.Event()

    def stop(self) -> None:
        self._must_stop.set()
        self.join()
        self.ended_at = time.monotonic()

    @property
    def longest_silence_seconds(self) -> float:
        moments = [self.began_at, *self.seen, self.ended_at]
        return max(later - earlier for earlier, later in pairwise(moments))

    def run(self) -> None:
        index = connect(TicketDocuments)
        reads = ConsistentReads(index)
        while not self._must_stop.wait(PAUSE_SECONDS):
            with unit_of_work() as unit:
                ticket = Ticket.issue(**FIELDS)
            request = {"query": {"term": {"id": str(ticket.id)}}}
            try:
                answer = reads.read(read_token(token_of(unit)), lambda: index.search(request))  # noqa: B023 (called now)
            except (RetryLater, StateNotReached):
                self.refused += 1
            else:
                self._note(str(ticket.id), answer["hits"]["hits"])
        index.close()
        connections.close_all()

    def _note(self, ticket: str, hits: list[object]) -> None:
        if hits:
            self.seen.append(time.monotonic())
        else:
            self.wrong.append(f"ticket {ticket} was written, and a search with its token did not find it")
