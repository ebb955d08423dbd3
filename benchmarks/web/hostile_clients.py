"""Attack a web server process with hostile clients, and measure what honest clients and the process notice.

    uv run python -m benchmarks.web.hostile_clients [--seconds 10]

Meanwhile one client asks /healthz and another lists tickets, each on a new connection every time, one after another.
All run on this machine, also the servers. Where nginx is installed, some attacks are repeated behind it, as shipped.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from threading import Event
from typing import NamedTuple
from urllib.request import Request, urlopen

import psutil
from django.contrib.auth import get_user_model
from django.core.management import call_command
from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project
from config.supervisord.ports import LOOPBACK, answers, free_port
from tests.network.hostile_clients import (
    ATTACKS,
    Attack,
    attacking,
    guesses_tokens,
    hangs_up,
    says_nothing,
    sends_a_body_slowly,
)
from tests.network.nginx import NGINX, running_nginx

GRANIAN = ("-m", "config.web.server", "--interface", "asginl", "--no-log", "--workers-kill-timeout", "5")
BEHIND_NGINX = (says_nothing, sends_a_body_slowly, hangs_up, guesses_tokens)
TIMEOUT_SECONDS = 10.0
PAUSE_SECONDS = 0.05
MEGABYTE = 1_000_000


class Answers(NamedTuple):
    """The answers to one client: how many were right, and the slowest of all."""

    right: int
    all: int
    slowest: float

    def __str__(self) -> str:
        return f"{self.right}/{self.all}, {self.slowest:.2f} s"


class Peak(NamedTuple):
    threads: int
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", choices=[attack.behaviour.__name__ for attack in ATTACKS])
    options = parser.parse_args()
    chosen = [attack for attack in ATTACKS if options.only in (None, attack.behaviour.__name__)]
    table = Table("attack", "threads", "memory, MB", "/healthz: right, slowest", "tickets: right, slowest", box=None)
    with loaded_project():
        token = admins_token()
        for attack in (None, *chosen):
            with serving() as (worker, port):
                row = measured(attack, worker, port, token=token, seconds=options.seconds)
                table.add_row(str(attack or "none"), *row)
                if NGINX and attack and attack.behaviour in BEHIND_NGINX:
                    with tempfile.TemporaryDirectory() as folder, running_nginx(Path(folder), port) as proxy:
                        row = measured(attack, worker, proxy, token=token, seconds=options.seconds)
                    table.add_row("  behind nginx, from another address", *row)
    Console(width=140).print(table)


def admins_token() -> str:
    get_user_model().objects.get_or_create(username="admin", is_superuser=True)
    output = StringIO()
    call_command("create_token", "admin", "--name", "benchmark", "--rotate", stdout=output)
    return output.getvalue().strip()


@contextmanager
def serving() -> Iterator[tuple[psutil.Process, int]]:
    """Run a web server with one worker; yield the worker and the port."""
    port = free_port()
    command = (sys.executable, *GRANIAN, "--port", str(port), "config.asgi:application")
    with subprocess.Popen(command, env=os.environ | {"HTTPS_ONLY": "false"}) as process:
        try:
            while not answers(port, "/healthz"):
                time.sleep(0.1)
            (worker,) = psutil.Process(process.pid).children()
            yield worker, port
        finally:
            process.terminate()


def measured(attack: Attack | None, worker: psutil.Process, port: int, *, token: str, seconds: float) -> list[str]:
    url, ended = f"http://{LOOPBACK}:{port}", Event()
    headers = {"Authorization": f"Token {token}"}
    with ThreadPoolExecutor(3) as threads, ExitStack() as ending:
        if attack:
            ending.enter_context(attacking(attack, port))
        asking = [threads.submit(ask, f"{url}{path}", headers, ended) for path in ("/healthz", "/api/tickets/")]
        peak = threads.submit(watch, worker, ended)
        time.sleep(seconds)
        ended.set()
        found = [str(answered.result()) for answered in asking]
    return [str(peak.result().threads), f"{peak.result().megabytes:.0f}", *found]


def ask(url: str, headers: dict[str, str], ended: Event) -> Answers:
    right, slowest, count = 0, 0.0, 0
    while not ended.wait(PAUSE_SECONDS):
        began = time.perf_counter()
        count += 1
        right += is_right(url, headers)
        slowest = max(slowest, time.perf_counter() - began)
    return Answers(right, count, slowest)


def is_right(url: str, headers: dict[str, str]) -> bool:
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 (our own URL)
            response.read()
    except OSError:
        return False
    return True


def watch(worker: psutil.Process, ended: Event) -> Peak:
    found = [Peak(worker.num_threads(), worker.memory_info().rss / MEGABYTE)]
    while not ended.wait(PAUSE_SECONDS):
        found.append(Peak(worker.num_threads(), worker.memory_info().rss / MEGABYTE))
    return Peak(max(peak.threads for peak in found), max(peak.megabytes for peak in found))


if __name__ == "__main__":
    main()
