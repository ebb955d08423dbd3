"""Run one process of a consumer group."""

import logging
import socket
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from events.checks import CODE_TAG, TAG
from events.conf import conf
from events.consumer import Consumer
from events.management.worker import Worker
from events.shutdown import Shutdown
from events.stream import open_stream
from events.subscriber import load_subscriber

logger = logging.getLogger("events.consumer")


class Command(Worker):
    help = (
        "Consume the event stream as a consumer group, in order, each event at least once. It waits out failures of "
        "Redis, the database and what the subscriber writes to. SIGTERM ends it after the batch in hand."
    )
    requires_system_checks = [TAG, CODE_TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        groups = ", ".join(sorted(conf.subscribers))
        parser.add_argument("group", metavar="GROUP", nargs="?", help=f"one of: {groups} (default: the DSN's)")
        parser.add_argument(
            "--consumer",
            metavar="NAME",
            help="this process's name in the group; it must outlive a restart, and no two processes may share it "
            "(default: the DSN's, else the host's name)",
        )
        parser.add_argument("--until-idle", action="store_true", help="end when all that the log has is handled")

    def handle(self, *, group: str | None, consumer: str | None, until_idle: bool, **_: Any) -> None:
        stream = open_stream()
        group = group or stream.dsn.group
        name = consumer or stream.dsn.consumer or socket.gethostname()
        shutdown = Shutdown()
        shutdown.listen()
        logger.info("%s consumes %s as %s", group, stream.dsn, name)
        try:
            subscriber = load_subscriber(group)
            Consumer(group, subscriber, stream, name=name, shutdown=shutdown).run(until_idle=until_idle)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        logger.info("%s stopped", group)
