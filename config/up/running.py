"""Run the whole service on this machine: the engines, the relay, the consumers, the web server, an access system."""

import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from config.engines.elasticsearch_archive import NotArchived
from config.engines.engine import Engine
from config.engines.running import install_engines, ports, prepare_next_start, start_engines
from config.supervisord.ports import LOOPBACK, answers, first_of, free_port
from config.supervisord.supervisor import Supervisor, owned, supervised
from config.up.checks import refuse_full_disk, refuse_taken_port
from config.up.environment import published, secret_key, webhook_secret
from config.up.narrator import Narrator
from config.up.processes import outcome, process

PROGRAMS = ("engines", "events", "web", "receiver")
METRICS_PORTS = {"relay": 101, "readmodel": 201, "access": 301, "worker": 401}
"""How far the port of each program's metrics is from METRICS_PORT, as config/supervisord/events.conf says."""
READY_SECONDS = 5.0
READY_POLL_SECONDS = 0.1
STARTED = ("web", "relay:*", "access:*", "worker:*", "access-receiver")
STARTED_LAST = ("readmodel:*",)
"""The program that sends documents to Elasticsearch: before that is ready, another program may have its port."""


class Service(NamedTuple):
    """The service, ready for requests."""

    url: str
    receiver_url: str
    """The address of the receiver that was started; empty if ACCESS_SYSTEM_URL names an access system."""
    admin_password: str
    """Empty unless the user `admin` was created just now."""
    supervisor: Supervisor
    metrics_port: int
    """The port above which METRICS_PORTS are."""
    engines: Collection[Engine]
    port: int

    def say_if_not_ready(self, narrator: Narrator) -> None:
        """Wait a little until the service is ready: the consumers, which started last, may still load."""
        until = time.monotonic() + READY_SECONDS
        while not answers(self.port, "/readyz"):
            if time.monotonic() > until:
                narrator.tell("[red]The service is not ready: run `manage.py doctor` for the reasons[/]")
                return
            time.sleep(READY_POLL_SECONDS)

    def prepare_next_start(self, narrator: Narrator) -> None:
        """Do what makes the next start faster, unless that was done before."""
        try:
            for engine in prepare_next_start(self.engines, self.supervisor):
                narrator.tell(f"{engine.name.capitalize()} will start faster the next time")
        except NotArchived as error:
            narrator.tell(f"Elasticsearch will start as slowly the next time: {error}")


@contextmanager
def running_service(data: Path, port: int, named: Mapping[str, str], narrator: Narrator) -> Iterator[Service]:
    """Start the engines that `named` has no URL for, then the service; yield it when it answers. Raise CannotStart.

    All of it is stopped at the end of the block.
    """
    with owned(data):
        refuse_taken_port(port)
        refuse_full_disk(data)
        with narrator.apart("Fetched and checked the engines' files"):
            engines = install_engines(data, without=named)
        receiver_port = free_port()
        metrics_port = settings.EVENTS_METRICS_PORT or first_of(METRICS_PORTS.values())
        variables = ports(engines) | _variables(port, receiver_port) | {"METRICS_PORT": str(metrics_port)}
        with supervised(data, programs=PROGRAMS, variables=variables) as supervisor:
            ours = {engine.variable: engine.url for engine in engines} | {
                "ACCESS_SYSTEM_URL": f"http://{LOOPBACK}:{receiver_port}/",
                "ACCESS_SYSTEM_SECRETS": webhook_secret(data),
                # The receiver started here has a private address; another one needs the environment's permission.
                "ACCESS_SYSTEM_ALLOW_PRIVATE": str("ACCESS_SYSTEM_URL" not in named).lower(),
                "SECRET_KEY": secret_key(data),
                "HTTPS_ONLY": "false",
                "SUPERVISOR_URL": supervisor.url,
            }
            with published(data, ours | dict(named)):
                with narrator.meanwhile("The service starts …"):
                    password = _start(data, engines, supervisor, narrator)
                    supervisor.wait_until(lambda: answers(port, "/healthz"), "web")
                narrator.tell("The relay, the consumers, the worker and the web server run")
                receiver_url = "" if "ACCESS_SYSTEM_URL" in named else ours["ACCESS_SYSTEM_URL"]
                yield Service(
                    f"http://{LOOPBACK}:{port}", receiver_url, password, supervisor, metrics_port, engines, port
                )


def _start(data: Path, engines: Collection[Engine], supervisor: Supervisor, narrator: Narrator) -> str:
    """Start everything, each as soon as it can work; return the new password of `admin`, if any.

    Most of the time is Elasticsearch's, so that it begins first, and only the program that writes to it waits for it.
    """
    with process(data, "config.up.preparation", stdout=subprocess.PIPE) as preparing:
        slow = start_engines([engine for engine in engines if engine.starts_slowly], supervisor)
        _await(start_engines([engine for engine in engines if not engine.starts_slowly], supervisor), narrator)
        password = outcome(preparing)
    narrator.tell("The database has its tables")
    for program in STARTED:
        supervisor.start(program)
    _await(slow, narrator)
    for program in STARTED_LAST:
        supervisor.start(program)
    return password


def _await(engines: Iterator[Engine], narrator: Narrator) -> None:
    for engine in engines:
        narrator.tell(f"{engine.name.capitalize()} is ready")


def _variables(port: int, receiver_port: int) -> dict[str, str]:
    """Return what the configuration of the programs uses."""
    return {
        "AUTOSTART": "false",
        "WEB_HOST": LOOPBACK,
        "WEB_PORT": str(port),
        "WEB_DRAIN_SECONDS": "5",
        "RECEIVER_PORT": str(receiver_port),
    }


def tell_story(data: Path, service: Service) -> None:
    """Run config/up/story.py; raise CannotStart if one of its steps fails."""
    with process(data, "config.up.story", service.url, service.receiver_url, stdout=None) as telling:
        outcome(telling)
