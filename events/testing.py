"""Helpers for tests of code that records or handles events: captured events, a stream in memory, a consumer.

Install `fakeredis[lua]` to use them.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Never

from django.test import override_settings
from fakeredis import FakeRedis

from events.conf import conf
from events.consumer.consumer import Consumer
from events.consumer.further_subscription import FurtherSubscription
from events.consumer.subscriptions import Subscriptions
from events.event import Event, decode
from events.exceptions import AttemptFailed
from events.groups.ownership import Ownership
from events.log.partitions import partition_count
from events.models import LogEntry
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay.flush import sweep
from events.stream.dsn import StreamDSN
from events.stream.interface import open_stream
from events.stream.redis_stream import RedisStream
from events.subscriber import Subscriber, load_subscriber

BLOCK_SECONDS = 0.01


class CapturedEvents:
    """The events that have been added to the log since the start, typed and in order; each iteration reads them again.

    Events that were rolled back are not among them. No commit is needed, so this works in a TestCase, too.
    """

    def __init__(self) -> None:
        self._after = _newest_row()
        self._until: int | None = None

    def __iter__(self) -> Iterator[Event]:
        rows = LogEntry.objects.filter(id__gt=self._after).order_by("id")
        if self._until is not None:
            rows = rows.filter(id__lte=self._until)
        return (decode(*row) for row in rows.values_list("type", "schema_version", "data"))

    def stop(self) -> None:
        self._until = _newest_row()


@contextmanager
def captured_events() -> Iterator[CapturedEvents]:
    """Capture the events recorded in the block: `assert list(captured) == [ThingMade(...)]`, inside or after it."""
    captured = CapturedEvents()
    yield captured
    captured.stop()


def _newest_row() -> int:
    return LogEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0


class FakeStream(RedisStream):
    """The stream in a Redis inside this process: the same code without a server."""

    def connect(self, timeout_seconds: float) -> FakeRedis:  # noqa: ARG002 (it never waits)
        key = str(self.dsn.hosts or self.dsn.socket)
        return FakeRedis(host=key, db=self.dsn.dbindex, decode_responses=True, encoding_errors="replace", protocol=2)

    def wipe(self) -> None:
        """Delete everything, groups too."""
        self._client.flushall()


@contextmanager
def fake_stream() -> Iterator[FakeStream]:
    """Replace the configured stream by an empty one in memory during the block."""
    with override_settings(EVENTS_STREAM_BACKEND=f"{__name__}.{FakeStream.__name__}"):
        stream = FakeStream(StreamDSN.parse(conf.stream_url))
        stream.wipe()
        try:
            yield stream
        finally:
            stream.close()


def run_until_idle(group: str, subscriber: Subscriber | None = None) -> None:
    """Relay all recorded events, and let the group's subscriber, or the given one, handle them.

    Events that it refuses as Unprocessable are parked, as in production. Any other failure is raised, where a consumer
    would wait and try again.
    """
    with closing(open_stream()) as stream:
        for partition in range(partition_count()):
            sweep(stream, partition)
        consumer = _FailingConsumer(
            subscriber or load_subscriber(group),
            stream,
            Ownership(group, "test"),
            shutdown=Shutdown(),
            limits=Limits(block_seconds=BLOCK_SECONDS),
        )
        consumer.run(until_idle=True)


class _FailingTarget(FurtherSubscription):
    def _back_off(self, error: Exception) -> Never:
        raise error


class _FailingSubscriptions(Subscriptions):
    further_kind = _FailingTarget


class _FailingConsumer(Consumer):
    subscriptions_kind = _FailingSubscriptions

    def _back_off(self, error: Exception) -> Never:
        raise error.__cause__ if isinstance(error, AttemptFailed) and error.__cause__ else error
