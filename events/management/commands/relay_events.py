"""Append the events of the log that the stream lacks."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, connections

from events.conf import conf
from events.exceptions import Diverged, PartitionsMissing, StreamUnavailable, Unmigrated
from events.log.partitions import partition_count
from events.management.worker import Worker
from events.processes.database_errors import describe
from events.processes.migrations import Tables, expect_migrated
from events.processes.shutdown import Interrupted, Shutdown
from events.processes.throttled_log import ThrottledLog
from events.relay.flush import give_positions_without_redis, sweep
from events.stream.interface import Stream, open_stream

logger = logging.getLogger("events.relay")

TIMEOUT_SECONDS = 1.0
"""How long the relay waits for Redis's answer before it only gives positions."""


class Command(Worker):
    help = (
        "Keep the event stream up to date with the log: append the events that a request could not flush, and those "
        "that a wiped or failed-over Redis has lost. Any number of copies may run. SIGTERM ends it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="flush the waiting events, print their number, and end")

    def handle(self, *, once: bool, **_: Any) -> None:
        stream = open_stream(timeout_seconds=TIMEOUT_SECONDS)
        if once:
            return self._flush_once(stream)
        shutdown = Shutdown()
        shutdown.listen()
        logger.info("relaying to %s", stream.dsn)
        try:
            throttled_log = ThrottledLog(logger)
            tables = Tables()
            while True:
                _flush_or_log(stream, tables, throttled_log)
                _wait_for_work(stream, shutdown)
        except Interrupted:
            logger.info("stopped")

    def _flush_once(self, stream: Stream) -> None:
        try:
            expect_migrated("events")
            self.stdout.write(f"{_flush(stream)} events appended to {stream.dsn}")
        except (Diverged, PartitionsMissing, StreamUnavailable, Unmigrated) as error:
            raise CommandError(str(error)) from error


def _wait_for_work(stream: Stream, shutdown: Shutdown) -> None:
    try:
        with shutdown.interruptible():
            stream.wait_for_wake(conf.relay_interval_seconds)
    except StreamUnavailable:
        shutdown.sleep(conf.relay_interval_seconds)


def _flush(stream: Stream) -> int:
    return sum(sweep(stream, partition) for partition in range(partition_count()))


def _flush_or_log(stream: Stream, tables: Tables, throttled_log: ThrottledLog) -> None:
    try:
        tables.expect()
        obstacles = _flush_what_can_be(stream)
        for found in obstacles:
            throttled_log.error(found)
        if not obstacles:
            throttled_log.recovered()
    except (PartitionsMissing, Unmigrated) as error:
        throttled_log.error(str(error))
    except Error as error:
        throttled_log.error(describe(error))
        tables.doubt()
        connections.close_all()


def _flush_what_can_be(stream: Stream) -> list[str]:
    """Flush all partitions, or only give positions while Redis is away; return what stands in the way."""
    partitions = range(partition_count())
    try:
        return [found for partition in partitions if (found := _flush_or_diverge(stream, partition))]
    except StreamUnavailable as error:
        while give_positions_without_redis(partitions):
            pass
        return [str(error)]


def _flush_or_diverge(stream: Stream, partition: int) -> str:
    """Flush the partition; return its divergence instead of raising it, so that the others are flushed too."""
    try:
        sweep(stream, partition)
    except Diverged as error:
        return str(error)
    return ""
