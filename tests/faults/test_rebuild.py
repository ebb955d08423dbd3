"""Rebuild the read model under load: no search fails or gets older, and a killed rebuild is continued."""

import signal
import threading

from elasticsearch import ApiError, Elasticsearch, TransportError
from pytest_django import Settings

from events.log.reading import last_position
from events.models import Checkpoint, LogEntry
from events.stream.interface import Stream
from readmodel.index.document_index import connect
from readmodel.tickets.documents import TicketDocuments
from tests.faults.conftest import Start, kill
from tests.faults.roles import consume, die_in_rebuild, rebuild, relay, write
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import wait_until

REBUILT_WITHIN_SECONDS = 120
"""The writers know no pause, so the less of a busy machine the rebuild gets, the more it has to catch up with."""


class Searcher(threading.Thread):
    """Searches for ever, and keeps the results."""

    def __init__(self, elasticsearch: Elasticsearch, alias: str) -> None:
        super().__init__(daemon=True)
        self.elasticsearch = elasticsearch
        self.alias = alias
        self.seen: list[tuple[int, float]] = []
        self.failures: list[str] = []
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            try:
                answer = self.elasticsearch.search(
                    index=self.alias, size=0, track_total_hits=True, aggs={"versions": {"sum": {"field": "version"}}}
                )
            except (ApiError, TransportError) as error:
                self.failures.append(str(error))
            else:
                self.seen.append((answer["hits"]["total"]["value"], answer["aggregations"]["versions"]["value"]))


def test_a_rebuild_under_load(start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings) -> None:
    writers = [start(write), start(write)]
    start(relay)
    start(consume)
    alias = settings.READMODEL_ALIAS
    wait_until(lambda: elasticsearch.indices.exists_alias(name=alias))
    wait_until(lambda: last_position(0) > 300)
    searcher = Searcher(elasticsearch, alias)
    searcher.start()

    killed = start(die_in_rebuild)
    killed.join(REBUILT_WITHIN_SECONDS)
    rebuilding = start(rebuild)
    rebuilding.join(REBUILT_WITHIN_SECONDS)
    before = len(searcher.seen)
    wait_until(lambda: len(searcher.seen) > before + 20)
    searcher.ended = True
    searcher.join()
    for writer in writers:
        kill(writer)

    assert (killed.exitcode, rebuilding.exitcode) == (-signal.SIGKILL, 0)
    assert searcher.failures == []
    assert searcher.seen == sorted(searcher.seen)
    indices = connect(TicketDocuments).indices
    assert list(indices.examine()) == []
    assert [target.name for target in indices.kept()] == [f"{alias}-000002", f"{alias}-000001"]
    wait_until(lambda: not LogEntry.objects.filter(place=None).exists())  # The killed writers left some.
    wait_until(lambda: set(Checkpoint.objects.values_list("position", flat=True)) == {last_position(0)})
    assert_the_read_model_equals_the_tickets(elasticsearch, alias)
