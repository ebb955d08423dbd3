"""Take the stream, an index or the database away, under load and at rest: every group recovers by itself."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.db import connection
from django.db.models.functions import Now
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.log.reading import last_position
from events.models import Checkpoint, DeadLetter, Lease, LogEntry
from events.stream.interface import Stream
from tests.database_server import administrator
from tests.faults.conftest import Start, kill
from tests.faults.roles import consume, issue, keep_ledger, make_things, relay, through, write
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.network.proxy import cut, cut_in_the_middle, garble, late, now_and_then, running_proxy
from tests.waiting import wait_until

type Loss = Callable[[Stream], object]

LOSSES: dict[str, Loss] = {
    "FLUSHALL": lambda stream: stream._client.flushall(),
    "DEL": lambda stream: stream.delete(0),
    "XGROUP DESTROY": lambda stream: stream._client.xgroup_destroy(stream.key(0), "readmodel"),
    "XTRIM to 0": lambda stream: stream._client.xtrim(stream.key(0), maxlen=0),
}


def reached() -> int:
    """Return the lowest checkpoint of all indices."""
    return min(Checkpoint.objects.filter(group="readmodel").values_list("position", flat=True), default=0)


def has_reached_the_end() -> bool:
    return not LogEntry.objects.filter(place=None).exists() and reached() == last_position(0) > 0


def test_losses_under_load_are_repaired(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    writers = [start(write), start(write)]
    start(relay)
    consumer = start(consume)
    wait_until(reached)
    for lose in list(LOSSES.values()) * 3:
        wait_until(lambda: groups_of(stream))
        lose(stream)
        before = reached()
        wait_until(lambda before=before: reached() > before)

    for writer in writers:
        kill(writer)
    wait_until(has_reached_the_end)
    assert consumer.is_alive()
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def test_losses_at_rest_are_repaired(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    start(relay)
    start(consume)
    issue()
    wait_until(has_reached_the_end)
    for lose in LOSSES.values():
        lose(stream)
        wait_until(lambda: any(group["name"] == "readmodel" for group in groups_of(stream)))
        issue()
        wait_until(has_reached_the_end)

    wait_until(lambda: stream.pending(0, "readmodel") == 0)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def groups_of(stream: Stream) -> list[dict[str, object]]:
    return list(stream._client.xinfo_groups(stream.key(0))) if stream._client.exists(stream.key(0)) else []


def test_a_deleted_index_is_filled_again_at_rest(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    start(consume)
    for _ in range(3):
        issue()
    wait_until(has_reached_the_end)

    before = targets()
    elasticsearch.indices.delete(index=f"{settings.READMODEL_ALIAS}-000001")
    wait_until(lambda: are_fed_anew(before))

    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def targets() -> set[str]:
    return set(Checkpoint.objects.filter(group="readmodel", position=3).values_list("target", flat=True))


def are_fed_anew(before: set[str]) -> bool:
    """Tell whether one of the two targets was replaced, and its checkpoint deleted."""
    return len(targets()) == 2 and targets() != before and Checkpoint.objects.count() == 2


def test_a_bad_connection_to_redis_loses_nothing(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    there = urlsplit(settings.EVENTS_STREAM_URL)
    with running_proxy((there.hostname or "", there.port or 0)) as proxy:
        proxy.fault = now_and_then(0.1, cut, cut_in_the_middle, garble, late(0.4))
        consumer = start(through, proxy.address, "consume")
        writer = start(write)
        wait_until(lambda: proxy.faults > 10 and reached() > 100)
        kill(writer)
        start(relay)
        wait_until(has_reached_the_end)

        assert consumer.is_alive()
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


@contextmanager
def database_away() -> Iterator[None]:
    """End all connections except the test's own, and refuse new ones."""
    name, own = connection.settings_dict["NAME"], connection.connection.info.backend_pid
    with administrator() as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s", [name, own]
        )
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            connection.close()
            connection.close_pool()  # The pooled connections are dead.


def test_without_the_database_nothing_is_acknowledged_and_nothing_is_lost(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    consumer = start(consume)
    issue()
    wait_until(has_reached_the_end)
    wait_until(lambda: stream.pending(0, "readmodel") == 0)

    with database_away():
        for _ in range(3):
            issue()
        wait_until(lambda: not Lease.objects.filter(expires_at__gt=Now()).exists())  # The process can't renew it.
        unacknowledged = stream.length(0) - 1
        assert (reached(), unacknowledged) == (1, 3)
        assert consumer.is_alive()

    wait_until(has_reached_the_end)
    assert consumer.is_alive()
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def test_effects_in_our_database_happen_exactly_once(
    start: Start, stream: Stream, ledger: Callable[[], list[str]]
) -> None:
    writer = start(make_things, "1")
    keepers = [start(keep_ledger), start(keep_ledger)]
    wait_until(ledger)
    for _ in range(6):
        time.sleep(random.uniform(0.1, 0.6))  # Chooses the moment of the kill; it is not a wait for a condition.
        number = random.randrange(2)
        kill(keepers[number])
        keepers[number] = start(keep_ledger)
    kill(writer)
    start(relay)
    wait_until(lambda: Checkpoint.objects.get(group="ledger").position == last_position(0) == LogEntry.objects.count())

    written = ledger()
    assert len(written) == len(set(written)) == LogEntry.objects.count()
    assert not DeadLetter.objects.exists()
