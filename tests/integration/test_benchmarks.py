"""What the benchmarks share works on the tables as they are."""

import pytest

from benchmarks.servers import empty_servers
from events.models import LogEntry, Partition
from events.stream.interface import Stream
from tests.faults.roles import issue
from tickets.models import CheckIn, Ticket


@pytest.mark.django_db(transaction=True)
def test_a_benchmark_begins_without_tickets_events_and_entries(stream: Stream) -> None:
    issue()
    Ticket.objects.get().check_in()

    empty_servers()

    assert (Ticket.objects.count(), CheckIn.objects.count(), LogEntry.objects.count()) == (0, 0, 0)
    assert Partition.objects.get(number=0).last_position == 0
    assert stream.length(0) == 0
