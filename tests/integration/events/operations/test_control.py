"""Consumers that are paused, resumed, stopped and set back while they run."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from elasticsearch import Elasticsearch

from events.models import Checkpoint, LogEntry, Member
from events.stream.interface import Stream
from tests.faults.roles import issue
from tests.processes import start
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

GROUP = "readmodel"


@pytest.fixture
def consumer(stream: Stream, elasticsearch: Elasticsearch) -> Iterator[subprocess.Popen[str]]:
    """Start a consumer of the read model, idle after its first event."""
    issue()
    process = start("manage.py", "consume_events", GROUP, "--consumer", "one")
    wait_until(lambda: position() == 1)
    yield process
    process.kill()
    process.wait()


def position() -> int | None:
    return Checkpoint.objects.filter(group=GROUP).values_list("position", flat=True).first()


def say(command: str, *arguments: str) -> str:
    said = StringIO()
    call_command(command, *arguments, stdout=said)
    return said.getvalue()


def test_a_paused_consumer_handles_nothing_until_resumed_and_can_be_stopped(
    consumer: subprocess.Popen[str],
) -> None:
    say("pause_consumers", GROUP, "--wait")
    for _ in range(3):
        issue()
    looked = Member.objects.get().alive_until
    wait_until(lambda: Member.objects.get().alive_until - looked > timedelta(seconds=2.5))
    assert position() == 1

    say("resume_consumers", GROUP, "--wait")

    wait_until(lambda: position() == LogEntry.objects.count() == 4)
    assert consumer.poll() is None
    say("pause_consumers", GROUP, "--wait")
    say("stop_consumers", GROUP, "--wait")
    assert consumer.wait(PATIENCE_SECONDS) == 0


def test_a_stopped_consumer_exits_with_0_and_a_fresh_one_continues(consumer: subprocess.Popen[str]) -> None:
    assert "all processes are gone" in say("stop_consumers", GROUP, "--wait")

    assert consumer.wait(PATIENCE_SECONDS) == 0
    assert not Member.objects.exists()
    issue()
    fresh = start("manage.py", "consume_events", GROUP, "--consumer", "two", "--until-idle")
    assert fresh.wait(PATIENCE_SECONDS) == 0
    assert position() == 2
