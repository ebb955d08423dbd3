"""An upgrade from the release that kept positions in the log's rows, on either database."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import Settings

from events import record, unit_of_work
from events.log.positions import give_positions
from events.models import Position, WaitingEntry
from events.stream.interface import Stream
from tests.things import ThingMade

BEFORE = [("events", "0006_given_events")]


@pytest.mark.django_db(transaction=True)
class UpgradeContract:
    @pytest.fixture(autouse=True)
    def _migrated_afterwards(self, transactional_db: None) -> Iterator[None]:
        yield
        migrate_to_the_newest()

    def test_positions_are_kept_and_waiting_events_get_theirs(self, stream: Stream, settings: Settings) -> None:
        make("a", "b")
        settings.EVENTS_FLUSH_ON_COMMIT = False
        make("c")
        migrate(BEFORE)
        assert positions_of_the_release_before() == [1, 2, None]
        settings.EVENTS_FLUSH_ON_COMMIT = True

        migrate_to_the_newest()

        assert positions() == [("a", 1), ("b", 2)]
        assert WaitingEntry.objects.count() == 1
        give_positions(0)
        assert positions() == [("a", 1), ("b", 2), ("c", 3)]
        assert not WaitingEntry.objects.exists()

    def test_a_row_of_a_process_of_the_release_before_waits_for_its_position(self, stream: Stream) -> None:
        make("a")
        with connection.cursor() as cursor:  # Any INSERT; this project's own goes the same way.
            cursor.execute(
                "INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type,"
                " aggregate_version, time, data, correlation_id, causation_id, actor, traceparent)"
                " SELECT '00000000000000000000000000000001', partition, type, schema_version, source, 'b',"
                " aggregate_type, aggregate_version, time, data, correlation_id, causation_id, actor, traceparent"
                " FROM events_log"
            )

        give_positions(0)

        assert positions() == [("a", 1), ("b", 2)]


def make(*names: str) -> None:
    for name in names:
        with unit_of_work():
            record(ThingMade(name=name))


def positions() -> list[tuple[str, int]]:
    return list(Position.objects.order_by("position").values_list("entry__subject", "position"))


def positions_of_the_release_before() -> list[int | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM events_log ORDER BY id")
        return [position for (position,) in cursor.fetchall()]


def migrate_to_the_newest() -> None:
    executor = MigrationExecutor(connection)
    migrate(executor.loader.graph.leaf_nodes())


def migrate(targets: list[tuple[str, str]]) -> None:
    MigrationExecutor(connection).migrate(targets)
