"""Run the whole service on this machine: the engines, the relay, the consumers, the web server, an access system."""

import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from config.engines.engine import Engine
from config.engines.running import install_engines, ports, start_engines
from config.supervisord.ports import LOOPBACK, answers, free_port
from config.supervisord.supervisor import Supervisor, owned, supervised
from config.up.checks import refuse_full_disk, refuse_taken_port
from config.up.environment import published, secret_key, webhook_secret
from config.up.narrator import Narrator
from config.up.processes import outcome, process

PROGRAMS = ("engines", "events", "web")


class Service(NamedTuple):
    """The service, ready for requests."""

    url: str
    receiver_url: str
    """The access system that was started; empty if ACCESS_SYSTEM_URL names another."""
    admin_password: str
    """Empty unless the user `admin` was made just now."""
    supervisor: Supervisor


@contextmanager
def running_service(data: Path, port: int, named: Mapping[str, str], narrator: Narrator) -> Iterator[Service]:
    """Start the engines that `named` has no URL of, and the service on top; yield it when it answers.

    All has stopped on leaving. Raise CannotStart.
    """
    with owned(data):
        refuse_taken_port(port)
        refuse_full_disk(data)
        with narrator.apart("Fetched and checked the engines' files"):
            engines = install_engines(data, without=named)
        receiver_port = free_port()
        words = ports(engines) | {"WEB_PORT": str(port), "RECEIVER_PORT": str(receiver_port), "AUTOSTART": "false"}
        with supervised(data, programs=PROGRAMS, variables=words) as supervisor:
            ours = {engine.variable: engine.url for engine in engines} | {
                "ACCESS_SYSTEM_URL": f"http://{LOOPBACK}:{receiver_port}/",
                "ACCESS_SYSTEM_SECRETS": webhook_secret(data),
                # Our own receiver is on this machine; another may be so only if the environment allows it.
                "ACCESS_SYSTEM_ALLOW_PRIVATE": str("ACCESS_SYSTEM_URL" not in named).lower(),
                "SECRET_KEY": secret_key(data),
                "SUPERVISOR_URL": supervisor.url,
            }
            with published(data, ours | dict(named)):
                password = _start_engines_and_prepare(data, engines, supervisor, narrator)
                with narrator.meanwhile("The service starts …"):
                    _start_programs(supervisor, port)
                narrator.tell("The relay, the consumers and the web server run")
                if not answers(port, "/readyz"):
                    narrator.tell("[red]Not all of it works: /readyz tells what does not[/]")
                receiver_url = "" if "ACCESS_SYSTEM_URL" in named else ours["ACCESS_SYSTEM_URL"]
                yield Service(f"http://{LOOPBACK}:{port}", receiver_url, password, supervisor)


def _start_engines_and_prepare(
    data: Path, engines: Collection[Engine], supervisor: Supervisor, narrator: Narrator
) -> str:
    """Make the database ready while slower engines still start; return the new password of `admin`, if any."""
    with (
        process(data, "config.up.preparation", stdout=subprocess.PIPE) as preparing,
        narrator.meanwhile("The engines start …"),
    ):
        for engine in start_engines(engines, supervisor):
            narrator.tell(f"{engine.name.capitalize()} is ready")
        password = outcome(preparing)
    narrator.tell("The database has its tables")
    return password


def _start_programs(supervisor: Supervisor, port: int) -> None:
    supervisor.start("events:*")
    supervisor.start("web:*")
    supervisor.wait_until(lambda: answers(port, "/healthz"), "web:application")


def tell_story(data: Path, service: Service) -> None:
    """Run config/up/story.py; raise CannotStart where the story goes another way."""
    with process(data, "config.up.story", service.url, service.receiver_url, stdout=None) as telling:
        outcome(telling)
