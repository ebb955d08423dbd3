"""Record, relay and consume through PgBouncer in transaction mode: each transaction may get another session.

Without `pgbouncer` this file is left out, and the test run ends by saying so.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from events.models import Checkpoint, DeadLetter, LogEntry, Member, Partition
from events.stream.interface import Stream
from tests.network.pgbouncer import SERVER_SESSIONS, running_pgbouncer
from tests.processes import ROOT, running, start
from tests.waiting import PATIENCE_SECONDS, wait_until

CONSUMERS = SERVER_SESSIONS + 1


def is_consumed() -> bool:
    log_end = Partition.objects.get().last_position
    reached = Checkpoint.objects.filter(group="readmodel").values_list("position", flat=True)
    return log_end > 0 and set(reached) == {log_end}


@pytest.mark.usefixtures("stream", "elasticsearch")
@pytest.mark.django_db(transaction=True)
def test_events_are_recorded_relayed_and_consumed_by_more_processes_than_sessions(
    tmp_path: Path, stream: Stream
) -> None:
    with ExitStack() as ends:
        variables = {"DATABASE_URL": ends.enter_context(running_pgbouncer(tmp_path)), "EVENTS_FLUSH_ON_COMMIT": "false"}
        ends.enter_context(running("manage.py", "relay_events", **variables))
        for _ in range(CONSUMERS):
            ends.enter_context(running("manage.py", "consume_events", "readmodel", **variables))
        wait_until(lambda: Member.objects.count() == CONSUMERS)
        imports = start("manage.py", "import_tickets", str(ROOT / "tickets/sample_tickets.csv"), **variables)

        assert imports.wait(PATIENCE_SECONDS) == 0
        wait_until(is_consumed)

    assert LogEntry.objects.filter(place=None).count() == 0
    assert stream.length(0) == Partition.objects.get().last_position == LogEntry.objects.count()
    assert not DeadLetter.objects.exists()
