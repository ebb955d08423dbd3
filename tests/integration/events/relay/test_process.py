"""The relay in its own process: woken after commits, and ended by SIGTERM."""

import signal
import subprocess
from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import Settings

from events import record, unit_of_work
from events.stream.interface import Stream
from tests.processes import start
from tests.things import ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


BACKLOG = """
INSERT INTO events_log (event_id, partition, type, schema_version, source, subject, aggregate_type, aggregate_version,
                        time, data, correlation_id, causation_id, actor, traceparent)
SELECT gen_random_uuid(), 0, 'thing.moved', 1, '/test', gen_random_uuid()::text, 'thing', 1,
       now(), '{}', 'test', '', '', ''
FROM generate_series(1, 50000)
"""


@pytest.fixture
def relay_that_must_be_woken(stream: Stream, settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Start an idle relay that does not look by itself during the test."""
    settings.EVENTS_FLUSH_ON_COMMIT = False
    process = start("manage.py", "relay_events", EVENTS_RELAY_INTERVAL_SECONDS="600")
    wait_until(lambda: stream._client.pubsub_numsub(f"{stream.dsn.stream}:wake")[0][1])
    yield process
    process.kill()
    process.wait()


def test_without_flush_on_commit_a_commit_wakes_the_relay_and_sigterm_ends_its_wait(
    relay_that_must_be_woken: subprocess.Popen[str], stream: Stream
) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(1_200)))
        assert stream.length(0) == 0

    wait_until(lambda: stream.length(0) == 1_200)
    relay_that_must_be_woken.send_signal(signal.SIGTERM)
    assert relay_that_must_be_woken.wait(PATIENCE_SECONDS) == 0  # Its own interval is 600 s.


def test_a_relay_in_steady_traffic_stops_at_once(stream: Stream) -> None:
    """A backlog of 50,000 events stands for commits that are faster than the relay."""
    with connection.cursor() as cursor:
        cursor.execute(BACKLOG)
    relay = start("manage.py", "relay_events")

    wait_until(lambda: stream.length(0) > 0)
    relay.send_signal(signal.SIGTERM)

    assert relay.wait(PATIENCE_SECONDS) == 0
    assert stream.length(0) < 50_000
