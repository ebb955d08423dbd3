"""Run a real web server for the tests of the feed, and clients that read its streams."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import httpx
import psutil
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection

from accounts.models import Token
from config.supervisord.ports import LOOPBACK, answers, free_port
from events import record, unit_of_work
from tests.processes import running
from tests.things import ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until

SETTINGS = "tests.network.feed_settings"
GRANIAN = ("-m", "config.web.server", "--interface", "asginl", "--workers-kill-timeout", "5")


class Server:
    """The running web server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"


@contextmanager
def serving(*, application: str = "config.asgi:application", port: int = 0, **variables: str) -> Iterator[Server]:
    port = port or free_port()
    with running(*GRANIAN, "--port", str(port), application, **variables) as process:
        wait_until(lambda: answers(port, "/healthz"))
        try:
            yield Server(process, port)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def reader_token() -> str:
    """Create a user who may read the log, and return the user's token."""
    user = User.objects.create_user(f"reader-{secrets.token_hex(4)}")
    user.user_permissions.add(Permission.objects.get(codename="view_logentry", content_type__app_label="events"))
    return Token.issue(user=user, name="of a test").text


def headers(token: str, **others: str) -> dict[str, str]:
    return {"Authorization": f"Token {token}", **others}


class Stream:
    """The events that a client has received, by the rules of server-sent events alone."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.comments = 0
        self.last_id = ""

    def read(self, response: httpx.Response) -> Iterator[Any]:
        """Yield each event as it comes."""
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    self.events.append(json.loads(fields["data"]))
                    yield self.events[-1]
                fields = {}


def make(*names: str, note: str = "") -> None:
    for name in names:
        with unit_of_work():
            record(ThingMade(name=name, note=note))


@contextmanager
def streaming(server: Server, token: str, query: str = "", **more: str) -> Iterator[httpx.Response]:
    url = f"{server.url}/api/events/stream?{query}"
    with httpx.stream("GET", url, headers=headers(token, **more), timeout=PATIENCE_SECONDS) as response:
        yield response


def write_some(name: str, count: int) -> None:
    """Record this many events, and flush those that concurrent flushes have left; the caller may be a thread."""
    try:
        for number in range(count):
            make(f"{name}{number}")
        call_command("relay_events", once=True, stdout=StringIO())
    finally:
        connection.close()


def connections(worker: psutil.Process, server: Server) -> int:
    return sum(found.laddr.port == server.port and bool(found.raddr) for found in worker.net_connections("tcp"))
