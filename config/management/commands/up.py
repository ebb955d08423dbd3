"""Run the whole service on this machine."""

import math
import os
import shlex
import signal
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil
from django.conf import settings
from django.core.management.base import CommandError

from config.supervisord.errors import CannotStart
from config.supervisord.ports import LAST_PORT, LOOPBACK
from config.supervisord.private import UMASK
from config.up.environment import exports
from config.up.narrator import Narrator
from config.up.preparation import ADMIN
from config.up.running import METRICS_PORTS, Service, running_service, tell_story
from events.management.arguments import count
from events.management.command import BaseCommand
from events.management.console import Console

QUIET_SECONDS = 60.0
"""How long after the start the work for the next one begins: until then, people are about to use the service."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = (
        "Run the whole service on this machine, without Docker: migrations, relay, consumers and web server, and each "
        "of PostgreSQL, Valkey and Elasticsearch for which DATABASE_URL, EVENT_STREAM_URL or ELASTICSEARCH_URL names "
        "no server. Ctrl-C stops everything that was started; the data stays."
    )
    exit_codes = {1: "something did not start, or a step of the demo failed"}
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=_port, default=8000, help="the port of the web server (default: 8000)")
        parser.add_argument(
            "--data",
            type=Path,
            metavar="DIR",
            default=settings.DATA_DIR,
            help="the folder for the servers' data, which the next start uses again (default: %(default)s); other "
            "commands find the servers of another folder by the variable DATA_DIR",
        )
        parser.add_argument(
            "--demo", action="store_true", help="when everything runs, cancel a ticket and show what follows"
        )
        parser.add_argument("--exit", action="store_true", help="exit after the demo: with 0, or with 1 and the reason")
        parser.add_argument(
            "--env", action="store_true", help="only print the addresses of the running servers, as lines for a shell"
        )

    def handle(self, *, data: Path, port: int, demo: bool, **options: bool) -> None:
        if options["exit"] and not demo:
            raise CommandError("--exit ends `up` after the demo: add --demo")
        try:
            if options["env"]:
                self.stdout.write(exports(data.resolve()))
            else:
                self._run(data.resolve(), port, demo=demo, leave=options["exit"])
        except CannotStart as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:
            raise  # Nobody reads what it prints.
        except OSError as error:
            raise CommandError(f"{data}: {error}") from error

    def _run(self, data: Path, port: int, *, demo: bool, leave: bool) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, _stop)
        os.umask(UMASK)
        console = Console(self.stdout, highlight=False)
        narrator = Narrator(console, seconds_before=time.time() - psutil.Process().create_time())
        try:
            with running_service(data, port, settings.NAMED_IN_ENVIRONMENT, narrator) as service:
                if demo:
                    tell_story(data, service)
                    narrator.tell("since the start: the story is told")
                if leave:
                    service.prepare_next_start(narrator)
                    return
                service.say_if_not_ready(narrator)
                _welcome(console, service, data)
                _wait(service, QUIET_SECONDS)
                service.prepare_next_start(narrator)
                _wait(service)
        except KeyboardInterrupt:
            console.print("Everything has stopped.")


def _port(text: str) -> int:
    if (found := count(text)) > LAST_PORT:
        raise ArgumentTypeError(f"{text!r} is not a port: use a number from 1 to {LAST_PORT}")
    return found


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # A second Ctrl-C must not leave half of it running.
    raise KeyboardInterrupt


def _welcome(console: Console, service: Service, data: Path) -> None:
    console.print(f"\n[bold]{service.url}/[/]")
    for path, what in (("/api/docs/", "REST interface"), ("/admin/", "admin"), ("/readyz", "health")):
        console.print(f"  {service.url}{path}  {what}")
    _print_metrics(console, service)
    if service.receiver_url:
        console.print(f"  {service.receiver_url}  messages to the access system")
    if service.admin_password:
        console.print(f"\nLog in as [bold]{ADMIN}[/] with [bold]{service.admin_password}[/] (shown only once)")
    if "HTTPS_ONLY" not in settings.NAMED_IN_ENVIRONMENT:
        console.print("\nIt serves plain HTTP, to this machine alone (HTTPS_ONLY=false); production needs HTTPS.")
    console.print("No proxy limits what one address may send: production needs config/nginx/nginx.conf, or the like.")
    console.print(f"{_finding(data)} Ctrl-C stops everything.", markup=False, soft_wrap=True)


def _finding(data: Path) -> str:
    """Say how other commands find the servers."""
    if data == settings.DATA_DIR:
        return "Every other `manage.py` command finds these servers."
    return f"Other commands find these servers in a shell in which you run: export DATA_DIR={shlex.quote(str(data))}\n"


def _print_metrics(console: Console, service: Service) -> None:
    console.print(f"  {service.url}/metrics  metrics, for a token of a user with the permission")
    for program, distance in METRICS_PORTS.items():
        console.print(f"  http://{LOOPBACK}:{service.metrics_port + distance}/metrics  metrics of {program}")


def _wait(service: Service, at_most_seconds: float = math.inf) -> None:
    """Wait while the service runs; raise CannotStart when it has ended."""
    until = time.monotonic() + at_most_seconds
    while service.supervisor.answers():
        if time.monotonic() > until:
            return
        time.sleep(1)
    raise CannotStart("supervisord, which runs all programs, has ended: start `manage.py up` again")
