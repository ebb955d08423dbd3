"""A consumer in its own process."""

import signal
import subprocess
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from events.models import Checkpoint
from events.stream.interface import Stream
from tests.faults.roles import issue
from tests.processes import start
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def consumer(stream: Stream, elasticsearch: Elasticsearch) -> Iterator[subprocess.Popen[str]]:
    """Start a consumer of the read model, which has handled one event and waits for the next."""
    issue()
    process = start("manage.py", "consume_events", "readmodel", "--consumer", "one")
    wait_until(lambda: Checkpoint.objects.filter(group="readmodel", position=1).count() == 2)
    wait_until(lambda: stream.pending(0, "readmodel") == 0)
    yield process
    process.kill()
    process.wait()


def test_a_waiting_consumer_handles_new_events_and_sigterm_ends_it_with_nothing_pending(
    consumer: subprocess.Popen[str], stream: Stream
) -> None:
    issue()
    wait_until(lambda: Checkpoint.objects.filter(group="readmodel", position=2).count() == 2)

    consumer.send_signal(signal.SIGTERM)

    assert consumer.wait(PATIENCE_SECONDS) == 0
    assert stream.pending(0, "readmodel") == 0


def test_a_wipe_of_redis_ends_no_process(consumer: subprocess.Popen[str], stream: Stream) -> None:
    stream._client.flushall()
    issue()

    wait_until(lambda: Checkpoint.objects.filter(group="readmodel", position=2).count() == 2)
    assert consumer.poll() is None
