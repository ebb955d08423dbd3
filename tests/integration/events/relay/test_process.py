"""The relay in its own process: woken after commits, and ended by SIGTERM."""

import signal
import subprocess
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.stream.interface import Stream
from tests.processes import start
from tests.things import ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


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
