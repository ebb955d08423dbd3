"""Kill a compaction within its transaction: no event is dropped that `compacted_to` does not cover."""

import signal

import pytest
from pytest_django import Settings

from events.groups.checkpoint import Claim, advance, load
from events.models import LogEntry, Partition
from tests.contracts.compaction import compact
from tests.faults.conftest import Start
from tests.faults.roles import compact_until_death, issue
from tickets.models import Ticket

DELETE = ("django.db.models.query.QuerySet", "delete")
NOTE = ("django.db.models.query.QuerySet", "update")
COMMIT = ("django.db.backends.base.base.BaseDatabaseWrapper", "commit")


@pytest.mark.parametrize(
    "place", [DELETE, NOTE, COMMIT], ids=["before it drops", "before it notes it", "before the commit"]
)
def test_the_next_compaction_continues_where_the_killed_one_was(
    place: tuple[str, str], start: Start, settings: Settings
) -> None:
    settings.EVENTS_SUBSCRIBERS = {"readmodel": settings.EVENTS_SUBSCRIBERS["readmodel"]}
    for _ in range(3):
        issue()
    for ticket in Ticket.objects.all():
        ticket.check_in()
    claim = Claim("readmodel", "", 0, epoch=0)
    advance(claim, 6, after=load(claim))

    killed = start(compact_until_death, *place)
    killed.join()

    assert killed.exitcode == -signal.SIGKILL
    assert LogEntry.objects.count() == 6
    assert Partition.objects.get().compacted_to == 0

    compact()

    assert set(LogEntry.objects.values_list("aggregate_version", flat=True)) == {2}
    assert LogEntry.objects.count() == 3
    assert Partition.objects.get().compacted_to == 6
