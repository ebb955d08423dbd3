"""Compare granian with uvicorn by ordinary requests to this service: a list of tickets, and a new ticket.

    uv run --with 'uvicorn[standard]' python -m benchmarks.web.servers

Each server runs alone, with one worker and the same event loop, on the servers of `manage.py up`; they take turns,
so that a change of the machine's load affects both. docs/adr/0001-asgi-server.md has the results.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.core.management import call_command

from benchmarks.servers import loaded_project
from config.supervisord.ports import LOOPBACK, answers, free_port

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = "config.asgi:application"
SERVERS = {
    "granian": ("granian", "--interface", "asginl", "--loop", "asyncio", "--no-log"),
    "uvicorn": ("uvicorn", "--lifespan", "off", "--loop", "asyncio", "--http", "httptools", "--log-level", "critical"),
}
TICKET = {
    "title": "Figaro",
    "venue": "Opera",
    "starts_at": "2030-01-01T19:00:00Z",
    "seat": "A1",
    "holder_name": "Ada",
    "holder_email": "ada@example.com",
    "price": "10.00",
    "currency": "EUR",
}
ROUNDS = 5
SECONDS = 5.0
CLIENTS = 8


class Request(NamedTuple):
    method: str
    path: str
    body: str | None
    status: int


REQUESTS = {
    "GET /api/tickets/": Request("GET", "/api/tickets/", None, 200),
    "POST /api/tickets/": Request("POST", "/api/tickets/", json.dumps(TICKET), 201),
}


@contextmanager
def serving(command: tuple[str, ...]) -> Iterator[int]:
    port = free_port()
    words = (sys.executable, "-m", *command, "--port", str(port), APPLICATION)
    with subprocess.Popen(words, cwd=ROOT) as process:
        try:
            while not answers(port, "/healthz"):
                if process.poll() is not None:
                    sys.exit(f"The web server ended: {words}")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def latencies(port: int, request: Request, token: str, seconds: float) -> list[float]:
    """Return the duration of each request that the clients made in this time."""
    found: list[float] = []
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def work() -> None:
        connection = HTTPConnection(LOOPBACK, port)
        until = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < until:
            connection.request(request.method, request.path, request.body, headers)
            response = connection.getresponse()
            said = response.read()
            if response.status != request.status:
                raise RuntimeError(f"{response.status}: {said[:300]!r}")
            found.append(time.perf_counter() - begun)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main() -> None:
    with loaded_project():
        compare(token_of_a_user_who_may_all())


def token_of_a_user_who_may_all() -> str:
    from accounts.models import Token  # noqa: PLC0415 (after the setup)

    user = get_user_model().objects.create_superuser(uuid4().hex)
    return Token.issue(user=user, name="of a test").text


def compare(token: str) -> None:
    call_command("import_tickets", str(ROOT / "tickets/sample_tickets.csv"))
    rates: dict[tuple[str, str], list[float]] = {}
    slowest: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for server, command in SERVERS.items():
            with serving(command) as port:
                for name, request in REQUESTS.items():
                    latencies(port, request, token, 1.0)
                    found = sorted(latencies(port, request, token, SECONDS))
                    rates.setdefault((server, name), []).append(len(found) / SECONDS)
                    slowest.setdefault((server, name), []).append(found[int(len(found) * 0.99)] * 1000)
    for (server, name), values in sorted(rates.items(), key=lambda item: item[0][1]):
        each = ", ".join(f"{value:.0f}" for value in values)
        late = statistics.median(slowest[server, name])
        sys.stdout.write(
            f"{name:20} {server:8} {statistics.median(values):6.1f}/s (each: {each}), 99% in {late:.0f} ms\n"
        )


if __name__ == "__main__":
    main()
