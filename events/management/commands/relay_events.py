"""Append the events of the log that the stream lacks."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, connections

from events.conf import conf
from events.exceptions import PartitionsMissing, PeopleReturned, StreamUnavailable, Unmigrated
from events.forgotten import ListDamaged
from events.log.partitions import partition_count
from events.management.worker import Worker, limits_of
from events.measuring.catalogue import RELAY_FAILURES, RELAY_SECONDS
from events.processes.database_errors import describe
from events.processes.migrations import Tables
from events.processes.shutdown import Interrupted, Shutdown
from events.processes.throttled_log import ThrottledLog
from events.relay import signing_keys
from events.relay.flush import give_positions_without_redis, sweep
from events.relay.turns import STANDSTILLS, Relay
from events.stream.interface import Stream, open_stream

logger = logging.getLogger("events.relay")

TIMEOUT_SECONDS = 1.0
"""How long the relay waits for Redis's answer before it only gives positions."""
UNFIT_TABLES = (Unmigrated, PeopleReturned, ListDamaged)


class Command(Worker):
    help = (
        "Keep the event stream up to date with the log: append the events that a request could not flush, and those "
        "that a wiped or failed-over Redis has lost. Any number of copies may run. SIGTERM ends it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="flush the waiting events, print their number, and end")

    def handle(self, *, once: bool, **options: Any) -> None:
        limits = limits_of({"once": once, **options})
        stream = open_stream(timeout_seconds=TIMEOUT_SECONDS)
        if once:
            return self._flush_once(stream)
        shutdown = Shutdown()
        shutdown.listen()
        logger.info("relaying to %s", stream.dsn)
        try:
            throttled_log = ThrottledLog(logger)
            tables = Tables()
            relay = Relay(stream)
            while True:
                while _relay_or_log(relay, tables, throttled_log):
                    shutdown.check()
                    limits.check(logger)
                limits.check(logger)
                _wait_for_work(stream, shutdown)
        except Interrupted:
            logger.info("stopped")

    def _flush_once(self, stream: Stream) -> None:
        try:
            Tables().expect()
            signing_keys.register()
            appended = sum(sweep(stream, partition) for partition in range(partition_count()))
        except (PartitionsMissing, StreamUnavailable, *UNFIT_TABLES, *STANDSTILLS) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{appended} events appended to {stream.dsn}")


def _wait_for_work(stream: Stream, shutdown: Shutdown) -> None:
    try:
        with shutdown.interruptible():
            stream.wait_for_wake(conf.relay_interval_seconds)
    except StreamUnavailable:
        shutdown.sleep(conf.relay_interval_seconds)


def _relay_or_log(relay: Relay, tables: Tables, throttled_log: ThrottledLog) -> bool:
    """Relay a batch of each partition; tell whether there may be more."""
    try:
        tables.expect()
        return _relay(relay, throttled_log)
    except (PartitionsMissing, *UNFIT_TABLES) as error:
        throttled_log.error(str(error))
    except Error as error:
        RELAY_FAILURES.add(1, "database")
        throttled_log.error(describe(error))
        tables.doubt()
        connections.close_all()
    return False


def _relay(relay: Relay, throttled_log: ThrottledLog) -> bool:
    """Relay, or only give positions while Redis is away; the database may fail in either case."""
    try:
        with RELAY_SECONDS.timed():
            turn = relay.take_turn()
    except StreamUnavailable as error:
        RELAY_FAILURES.add(1, "stream")
        throttled_log.error(str(error))
        return give_positions_without_redis(range(partition_count()))
    for problem in turn.problems:
        throttled_log.error(problem)
    if not turn.problems:
        throttled_log.recovered()
    return turn.has_more
