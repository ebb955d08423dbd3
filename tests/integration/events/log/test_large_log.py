"""Queries of a log with many rows touch only a few of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoDbBlocker, Settings

from benchmarks.relay.log_size import VERSIONS, fill
from benchmarks.servers import LOG_TABLES, empty_log, vacuum_log
from events import log
from events.aggregates import load_aggregates
from events.groups.checkpoint import Claim, advance, load
from events.log.positions import give_positions
from events.models import LogEntry, Partition
from events.operations import compaction
from events.operations.status import status
from events.operations.verify_log import Verification
from events.stream.interface import Stream

ROWS = 100_000
WITHOUT_POSITION = 30
MIDDLE = ROWS // 2
type Execute = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _large_log(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        fill(1, ROWS, given=ROWS - WITHOUT_POSITION, aggregates=ROWS // VERSIONS)
        vacuum_log()
        yield
        empty_log()


@pytest.fixture(autouse=True)
def _half_of_it_handled(db: None, settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"readers": "tests.things.Recorder"}
    Partition.objects.update(last_position=ROWS - WITHOUT_POSITION)
    claim = Claim("readers", "", 0, epoch=0)
    advance(claim, MIDDLE, after=load(claim))


class Plans:
    """The executed plans of all statements on the log."""

    def __init__(self) -> None:
        self.scans: list[dict[str, Any]] = []

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 (Django's signature)
        if "events_" in sql and sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            with transaction.atomic():
                execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
                [[[explained]]] = [context["cursor"].fetchall()]
                transaction.set_rollback(True)
            nodes = _nodes_of(explained[0]["Plan"])
            self.scans += [
                node
                for node in nodes
                if node.get("Relation Name") in LOG_TABLES.split(", ") and "Scan" in node["Node Type"]
            ]
        return execute(sql, params, many, context)

    @property
    def indexes(self) -> set[str | None]:
        """Return the indexes by which the log was scanned, None for a scan of all rows."""
        return {scan.get("Index Name") for scan in self.scans}

    @property
    def rows(self) -> int:
        """Return how many rows of the log were read."""
        return sum(
            round((scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"])
            for scan in self.scans
        )


def _nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes_of(child)


@contextmanager
def plans() -> Iterator[Plans]:
    seen = Plans()
    with connection.execute_wrapper(seen):
        yield seen


def test_reading_after_a_position_touches_few_rows() -> None:
    with plans() as seen:
        assert len(log.read_after(0, MIDDLE)) == 500

    assert seen.indexes == {"events_position_in_partition", "events_log_pkey"}
    assert seen.rows == 2 * 500  # First the positions with their sizes, then the rows.


def test_judging_the_end_of_a_stream_touches_one_row() -> None:
    event_id = LogEntry.objects.get(place__position=MIDDLE).event_id

    with plans() as seen:
        assert log.knows(0, MIDDLE, str(event_id))
        assert not log.knows(0, MIDDLE + 1, str(event_id))

    assert seen.indexes == {"events_position_in_partition", "events_log_pkey"}
    assert seen.rows == 2 * 2


def test_giving_positions_touches_few_rows() -> None:
    before = _looked_at()

    assert give_positions(0).positions == range(ROWS - WITHOUT_POSITION + 1, ROWS + 1)

    # The function's own statements have no plan to be shown. Each row is found twice, and the one before them.
    by_sequence, by_index = (after - then for after, then in zip(_looked_at(), before, strict=True))
    assert by_sequence == 0
    assert by_index <= 3 * WITHOUT_POSITION


def _looked_at() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'events_log'")
        [row] = cursor.fetchall()
    return row  # type: ignore[no-any-return]


def test_the_status_of_a_group_far_behind_touches_few_rows(stream: Stream) -> None:
    with plans() as seen:
        [partition] = status(stream)

    assert partition.without_position == WITHOUT_POSITION
    assert partition.groups[0].lag == ROWS - WITHOUT_POSITION - MIDDLE
    assert partition.groups[0].lag_seconds == pytest.approx(100 * 86_400, rel=0.01)
    assert seen.indexes <= {"events_position_in_partition", "events_log_pkey", "events_waiting_pkey", None}
    assert seen.rows == WITHOUT_POSITION + 4  # The next event and the first one, each with its position.


def test_a_step_of_the_compaction_touches_few_rows() -> None:
    Partition.objects.update(compacted_to=MIDDLE - 500)

    with plans() as seen:
        [step] = compaction.compact(0, before=timezone.now(), dry_run=False)

    assert step == (MIDDLE, 500)
    assert seen.indexes == {
        "events_position_in_partition",
        "events_position_pkey",
        "events_log_aggregate_version",
        "events_log_pkey",
    }
    assert seen.rows == 7 * 500


def test_a_step_of_the_verification_touches_few_rows() -> None:
    verification = Verification("thing", load_aggregates()["ticket"], repair=False)

    with plans() as seen:
        step = next(verification.find_events_without_row())

    assert step.compared == len(step.differences) == 500
    assert seen.indexes == {"events_log_aggregate_version"}
    assert seen.rows <= 500 * VERSIONS * 3
