"""The base of the commands that run for ever."""

import logging
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from events import database
from events.checks import TAG
from events.conf import conf, named
from events.management.arguments import positive
from events.management.command import BaseCommand, Output
from events.management.metrics_port import OF_THE_SETTING, MetricsPort
from events.processes.limits import Limits, spread

logger = logging.getLogger("events.processes")


class ErrorLog(Output):
    """Standard error of a process whose output is its log: why it ends is a record of that log."""

    def write(self, msg: str = "", style_func: Any = None, ending: str | None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        logger.critical("%s", msg.strip())


class Worker(BaseCommand):
    """Runs only the checks of the events, with those of the database: others would load the whole web application."""

    requires_system_checks = [TAG]

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]  # noqa: ARG002
        return {"tags": self.requires_system_checks, "databases": [database.alias()]}

    def run_from_argv(self, argv: list[str]) -> None:
        self.stderr = ErrorLog(self.stderr.raw)
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        with options.get("metrics_port", OF_THE_SETTING).served():
            return super().execute(*args, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        if conf.metrics_server:
            parser.add_argument(
                "--metrics-port",
                type=MetricsPort.parse,
                metavar="PORT",
                default=OF_THE_SETTING,
                help="serve the metrics of this process on that port; +N: N ports above "
                f"{named('EVENTS_METRICS_PORT')}, none if that is not set (default: +0)",
            )
        parser.add_argument(
            "--time-limit",
            type=positive,
            metavar="SECONDS",
            help="end after that many seconds, or up to a tenth earlier, so that processes that were started together "
            "do not end together",
        )
        parser.add_argument("--memory-limit", type=positive, metavar="MB", help="end once it uses that much memory")


def limits_of(options: Mapping[str, Any], **others: Any) -> Limits:
    """Return when a process with these arguments ends; raise CommandError if it ends by itself anyway."""
    seconds, megabytes = options["time_limit"], options["memory_limit"]
    if options.get("once") and (seconds or megabytes):
        raise CommandError("--once ends by itself: leave out --time-limit and --memory-limit")
    return Limits(seconds=spread(seconds) if seconds else None, megabytes=megabytes, **others)
