"""The limits that end a consumer process and bound its batches."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.exceptions import RetryLater
from events.groups.ownership import Ownership
from events.models import Checkpoint, ConsumerGroup, DeadLetter
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db

GROUP = "recorder"
SUBSCRIBERS = {GROUP: f"{__name__}.Sized"}


class Sized(Recorder):
    """Keeps the sizes of its batches."""

    sizes: list[int]
    fails = False

    def handle(self, batch: Sequence[Envelope]) -> None:
        if self.fails:
            raise RetryLater("the target is down")
        super().handle(batch)
        self.sizes.append(len(batch))


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EVENTS_SUBSCRIBERS = SUBSCRIBERS
    settings.EVENTS_BLOCK_SECONDS = 0.01
    monkeypatch.setattr(Sized, "sizes", [], raising=False)
    monkeypatch.setattr("events.processes.backoff.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(
        "events.consumer.consumer.connections.close_all", lambda: None
    )  # One of them has the test's transaction.


@pytest.fixture
def _ten_things(stream: Stream) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(10)))
    relay.sweep(stream, 0)


def consume(stream: Stream, subscriber: Recorder | None = None, **limits: Any) -> None:
    Consumer(
        subscriber or Sized(),
        stream,
        Ownership(GROUP, "one"),
        shutdown=Shutdown(),
        limits=Limits(**{"block_seconds": 0.01} | limits),
    ).run()


def position() -> int:
    return Checkpoint.objects.get(group=GROUP).position


@pytest.mark.usefixtures("_ten_things")
def test_it_ends_after_exactly_the_limit_of_events(stream: Stream) -> None:
    consume(stream, events=4)

    assert position() == 4
    consume(stream, events=6)
    assert position() == 10
    assert stream.pending(0, GROUP) == 0


@pytest.mark.usefixtures("_ten_things")
def test_batches_do_not_exceed_the_batch_size(stream: Stream) -> None:
    consume(stream, events=10, batch_size=3)

    assert Sized.sizes == [3, 3, 3, 1]


@pytest.mark.usefixtures("_ten_things")
def test_it_ends_after_the_time_limit(stream: Stream) -> None:
    class Slow(Sized):
        def handle(self, batch: Sequence[Envelope]) -> None:
            super().handle(batch)
            limits.started_at -= 60  # So long the batch has taken.

    limits = Limits(batch_size=4, seconds=60)
    Consumer(Slow(), stream, Ownership(GROUP, "one"), shutdown=Shutdown(), limits=limits).run()

    assert position() == 4


def test_it_ends_above_the_memory_limit(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        consume(stream, megabytes=1)

    assert "MB of memory" in caplog.text


@pytest.mark.usefixtures("_ten_things")
def test_it_ends_at_the_failure_limit(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sized, "fails", True)

    consume(stream, failures=3)

    assert position() == 0
    assert not DeadLetter.objects.exists()


@pytest.mark.usefixtures("_ten_things")
def test_it_ends_when_the_group_is_asked_to_stop(stream: Stream) -> None:
    class Stopped(Sized):
        def handle(self, batch: Sequence[Envelope]) -> None:
            super().handle(batch)
            ConsumerGroup.objects.update(stop_requested_at=timezone.now())
            ownership.heartbeat()

    ownership = Ownership(GROUP, "one")
    limits = Limits(batch_size=2)
    Consumer(Stopped(), stream, ownership, shutdown=Shutdown(), limits=limits).run()

    assert position() == 2


@pytest.mark.usefixtures("_ten_things")
def test_a_paused_group_handles_nothing_and_keeps_its_place(stream: Stream) -> None:
    ConsumerGroup.objects.create(name=GROUP, paused=True)

    consume(stream, seconds=0.2)

    assert (position(), Sized.sizes) == (0, [])


@pytest.mark.usefixtures("_ten_things")
def test_the_command_takes_the_limits(stream: Stream) -> None:
    call_command("consume_events", GROUP, limit=4, batch_size=2)

    assert (position(), Sized.sizes) == (4, [2, 2])


@pytest.mark.usefixtures("_ten_things")
def test_the_command_fails_after_too_many_failures(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sized, "fails", True)

    with pytest.raises(CommandError, match="recorder: it failed 2 times"):
        call_command("consume_events", GROUP, failure_limit=2)


@pytest.mark.parametrize("option", ["--limit=0", "--limit=x", "--batch-size=0", "--block=0", "--time-limit=inf"])
def test_a_bad_limit_is_refused(option: str) -> None:
    with pytest.raises(CommandError, match="number above 0|number in the digits 0 to 9"):
        call_command("consume_events", GROUP, option)
