"""Measure many open event streams in one web server process: their cost, and the delay until an event has reached all.

    uv run python -m benchmarks.web.feed [--clients 500] [--events 20]

Each client must get all events, in order; the benchmark fails otherwise.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

import psutil
from django.contrib.auth import get_user_model
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_servers, loaded_project
from config.supervisord.ports import LOOPBACK, answers, free_port

GRANIAN = ("-m", "granian", "--interface", "asginl", "--no-log", "--workers-kill-timeout", "5")
IDLE_SECONDS = 30.0
CLIENTS_OF_A_READER = 100
PAUSE_SECONDS = 0.5
"""The pause between two events, so that each delay is that of a single event."""
MEGABYTE = 1_000_000


class Arrival(NamedTuple):
    position: int
    at: float


class Cost(NamedTuple):
    megabytes: float
    threads: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--events", type=int, default=20)
    options = parser.parse_args()
    with loaded_project():
        empty_servers()  # Positions begin at 1.
        with serving() as (worker, port):
            asyncio.run(measure(worker, port, clients=options.clients, events=options.events))
        empty_servers()


@contextmanager
def serving() -> Iterator[tuple[psutil.Process, int]]:
    """Run the web server; yield its worker process and its port."""
    port = free_port()
    command = (sys.executable, *GRANIAN, "--port", str(port), "config.asgi:application")
    with subprocess.Popen(command) as process:
        try:
            while not answers(port, "/healthz"):
                time.sleep(0.1)
            [worker] = psutil.Process(process.pid).children()
            yield worker, port
        finally:
            process.terminate()


async def measure(worker: psutil.Process, port: int, *, clients: int, events: int) -> None:
    tokens = [await asyncio.to_thread(token_of_a_reader) for _ in range(0, clients, CLIENTS_OF_A_READER)]
    await follow(port, tokens[0], events=0)  # A warm-up: the first request imports modules.
    before = cost(worker)
    opened = asyncio.Barrier(clients + 1)
    async with asyncio.TaskGroup() as streams:
        tasks = [
            streams.create_task(follow(port, tokens[number // CLIENTS_OF_A_READER], events=events, opened=opened))
            for number in range(clients)
        ]
        started = time.perf_counter()
        await opened.wait()
        opening_seconds = time.perf_counter() - started
        busy_before, now = sum(worker.cpu_times()[:2]), time.perf_counter()
        await asyncio.sleep(IDLE_SECONDS)
        busy = (sum(worker.cpu_times()[:2]) - busy_before) / (time.perf_counter() - now)
        idle = cost(worker)
        sent = []
        for number in range(events):
            await asyncio.sleep(PAUSE_SECONDS)
            sent.append(await asyncio.to_thread(publish, number))
    received = [task.result() for task in tasks]
    expect_all_in_order(received, events)
    delays = [arrival.at - sent[arrival.position - 1] for arrivals in received for arrival in arrivals]
    report(clients, before=before, idle=idle, after=cost(worker), seconds=(opening_seconds, busy), delays=delays)


def token_of_a_reader() -> str:
    from accounts.models import Token  # noqa: PLC0415 (after the setup)

    return Token.issue(user=get_user_model().objects.create_superuser(uuid4().hex), name="of a test").text


async def follow(port: int, token: str, *, events: int, opened: asyncio.Barrier | None = None) -> list[Arrival]:
    """Open a stream, and return the arrival time of each of this many events."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    path = "/api/events/stream?after=latest"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Token {token}\r\n\r\n".encode())
    await reader.readuntil(b"retry:")
    if opened:
        await opened.wait()
    arrivals: list[Arrival] = []
    while len(arrivals) < events:
        line = await reader.readuntil(b"\n")
        if line.startswith(b"data: "):
            arrivals.append(Arrival(json.loads(line.removeprefix(b"data: "))["position"], time.perf_counter()))
    writer.close()
    return arrivals


def publish(number: int) -> float:
    """Issue a ticket, which records one event; return the time after its commit and flush."""
    from django.utils import timezone  # noqa: PLC0415 (after the setup)

    from events import unit_of_work  # noqa: PLC0415
    from tickets.models import Ticket  # noqa: PLC0415

    with unit_of_work():
        Ticket.issue(
            title="Figaro",
            venue="Opera",
            starts_at=timezone.now(),
            seat=f"A{number}",
            holder_name="Ada",
            holder_email="ada@example.org",
            price=10,
            currency="EUR",
        )
    return time.perf_counter()


def expect_all_in_order(received: list[list[Arrival]], events: int) -> None:
    for arrivals in received:
        positions = [arrival.position for arrival in arrivals]
        if positions != list(range(1, events + 1)):
            sys.exit(f"a client got {positions}")


def cost(worker: psutil.Process) -> Cost:
    return Cost(worker.memory_info().rss / MEGABYTE, worker.num_threads())


def report(
    clients: int, *, before: Cost, idle: Cost, after: Cost, seconds: tuple[float, float], delays: list[float]
) -> None:
    table = Table("", "memory, MB", "threads", title=f"{clients} open streams in one process")
    for name, found in (("before", before), ("open and idle", idle), ("all events received, closed", after)):
        table.add_row(name, f"{found.megabytes:.0f}", str(found.threads))
    Console().print(table)
    percentiles = statistics.quantiles(delays, n=100)
    print(f"opened in {seconds[0]:.1f} s; idle, they take {seconds[1]:.1%} of a core")
    print(f"each got all events in order; from commit to client: p50 {percentiles[49] * 1000:.0f} ms, ", end="")
    print(f"p99 {percentiles[98] * 1000:.0f} ms, at most {max(delays) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
