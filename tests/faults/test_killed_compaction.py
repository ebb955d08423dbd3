"""Kill a compaction within its statement: no event is dropped that `compacted_to` does not cover."""

from pytest_django import Settings

from events.groups.checkpoint import Claim, advance, load
from events.models import LogEntry, Partition
from tests.contracts.compaction import compact
from tests.faults.conftest import Start
from tests.faults.roles import compact_read_model, issue
from tests.integration.events.log.test_positions import held_open
from tests.locks import others_are_idle, somebody_waits_for_a_lock
from tests.waiting import wait_until
from tickets.models import Ticket


def test_a_killed_compaction_has_done_its_step_whole_or_not_at_all(start: Start, settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"readmodel": settings.EVENTS_SUBSCRIBERS["readmodel"]}
    for _ in range(3):
        issue()
    for ticket in Ticket.objects.all():
        ticket.check_in()
    claim = Claim("readmodel", "", 0, epoch=0)
    advance(claim, 6, after=load(claim))

    with held_open(lambda: Partition.objects.select_for_update().get()):
        killed = start(compact_read_model)
        wait_until(somebody_waits_for_a_lock)
        killed.kill()
        killed.join()
    wait_until(others_are_idle)

    assert (LogEntry.objects.count(), Partition.objects.get().compacted_to) in {(6, 0), (3, 6)}

    compact()

    assert set(LogEntry.objects.values_list("aggregate_version", flat=True)) == {2}
    assert LogEntry.objects.count() == 3
    assert Partition.objects.get().compacted_to == 6
