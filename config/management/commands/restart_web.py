"""Restart the web server without losing a request."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from config.web.server.restart import CannotRestart, restart
from events.management.arguments import count, positive
from events.management.command import BaseCommand


class Command(BaseCommand):
    help = (
        "Restart the web server of this machine or container without losing a request: new workers load the code that "
        "is there now, and then the old ones answer their last requests and end."
    )
    exit_codes = {1: "the old workers go on"}
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=count, default=8000, help="the web server's port, 8000 by default")
        parser.add_argument(
            "--wait",
            type=positive,
            default=120.0,
            metavar="SECONDS",
            help="how long to wait until the old workers have ended, 120 by default",
        )

    def handle(self, *, port: int, wait: float, **_: Any) -> None:
        try:
            started = restart(port, within_seconds=wait)
        except CannotRestart as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{started} new workers serve port {port}")
