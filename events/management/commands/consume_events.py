"""Run one process of a consumer group."""

import logging
import socket
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from events.checks import CODE_TAG, TAG
from events.conf import conf, named
from events.consumer.consumer import Consumer
from events.consumer.group_reader import TIMEOUT_SECONDS
from events.consumer.hangs import HangWatch
from events.groups.ownership import Ownership, heartbeat_thread
from events.management.arguments import count, positive
from events.management.worker import Worker, limits_of
from events.processes.garbage import spare_what_is_loaded
from events.processes.shutdown import Shutdown
from events.stream.interface import open_stream
from events.subscriber import load_subscriber

logger = logging.getLogger("events.consumer")


class Command(Worker):
    help = (
        "Consume the event stream as a consumer group, in order, each event at least once. Any number of processes "
        "may run: they share the group's partitions, and another takes over within seconds when one dies. After "
        "failures of Redis, the database or the subscriber's target it tries again. SIGTERM ends it after the current "
        "batch."
    )
    exit_codes = {
        1: "it has failed as often as `--failure-limit` allows, or could not begin",
        70: "its handler made no progress, so the process was ended: start it again",
    }
    requires_system_checks = [TAG, CODE_TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        groups = ", ".join(sorted(conf.subscribers))
        url = named("EVENTS_STREAM_URL")
        parser.add_argument("group", metavar="GROUP", nargs="?", help=f"one of: {groups} (default: the group in {url})")
        parser.add_argument(
            "--consumer",
            metavar="NAME",
            help=f"the name of this process in the status and in Redis (default: the consumer in {url}, or "
            "else the host's name)",
        )
        parser.add_argument("--limit", type=count, metavar="N", help="end after N events")
        parser.add_argument(
            "--failure-limit",
            type=count,
            metavar="N",
            help="end with exit code 1 after N failures",
        )
        parser.add_argument("--until-idle", action="store_true", help="end when all events of the log are handled")
        parser.add_argument(
            "--batch-size",
            type=count,
            metavar="N",
            default=conf.batch_size,
            help="handle at most N events at once (default: %(default)s)",
        )
        parser.add_argument(
            "--block",
            type=positive,
            metavar="SECONDS",
            default=conf.block_seconds,
            help="wait that long for the stream before looking at the log (default: %(default)s)",
        )

    def handle(self, *, group: str | None, consumer: str | None, until_idle: bool, **options: Any) -> None:
        limits = limits_of(
            options,
            events=options["limit"],
            failures=options["failure_limit"],
            batch_size=options["batch_size"],
            block_seconds=options["block"],
        )
        shutdown = Shutdown()
        shutdown.listen()
        with closing(open_stream(timeout_seconds=TIMEOUT_SECONDS)) as stream:
            group = group or stream.dsn.group
            name = consumer or stream.dsn.consumer or socket.gethostname()
            logger.info("%s consumes %s as %s", group, stream.dsn, name)
            ownership = Ownership(group, name)
            try:
                subscriber = load_subscriber(group)
                spare_what_is_loaded()
                with heartbeat_thread(ownership, HangWatch(ownership).look):
                    Consumer(subscriber, stream, ownership, shutdown=shutdown, limits=limits).run(until_idle=until_idle)
            except ImproperlyConfigured as error:
                raise CommandError(str(error)) from error
        logger.info("%s stopped", group)
        if limits.has_failed_too_often:
            raise CommandError(f"{group}: {limits.reached()}")
