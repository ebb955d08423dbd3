"""Kill a consumer between reading and acknowledging: the read model ends right."""

import signal

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.models import Checkpoint
from events.stream.interface import Stream
from tests.faults.conftest import Start
from tests.faults.roles import consume, consume_until_death, issue
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import wait_until
from tickets.models import Ticket

HANDLE = ("readmodel.subscriber.ReadModel", "handle")
ADVANCE = ("events.groups.checkpoint", "advance")
ACKNOWLEDGE = ("events.stream.redis_stream.RedisStream", "acknowledge")


@pytest.mark.parametrize(
    ("place", "written", "handled_to"),
    [
        pytest.param(HANDLE, 0, 0, id="read but not handled"),
        pytest.param(ADVANCE, 3, 0, id="handled, checkpoint not moved"),
        pytest.param(ACKNOWLEDGE, 3, 4, id="checkpoint moved, not acknowledged"),
    ],
)
def test_the_next_process_continues_where_the_killed_one_was(
    place: tuple[str, str],
    written: int,
    handled_to: int,
    start: Start,
    stream: Stream,
    elasticsearch: Elasticsearch,
    settings: Settings,
) -> None:
    for _ in range(2):
        issue()
    Ticket.objects.earliest("id").cancel()

    killed = start(consume_until_death, *place)
    killed.join()

    assert killed.exitcode == -signal.SIGKILL
    assert count_documents(elasticsearch, settings.READMODEL_ALIAS) == written
    assert reached() == handled_to
    assert stream.pending(0, "readmodel") == 4

    start(consume)
    wait_until(lambda: reached() == 4)
    # Not before: a process that takes over empties the pending list first, and reads again.
    wait_until(lambda: stream.pending(0, "readmodel") == 0)

    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def reached() -> int:
    """Return the checkpoint of the searched index, which the others follow."""
    return max(Checkpoint.objects.filter(group="readmodel").values_list("position", flat=True))


def count_documents(elasticsearch: Elasticsearch, alias: str) -> int:
    elasticsearch.indices.refresh(index=alias)
    return int(elasticsearch.count(index=alias)["count"])
