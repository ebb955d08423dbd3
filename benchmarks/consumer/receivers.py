"""Measure what dead receivers of webhooks cost the others: the delay until a healthy one is told, with and without.

uv run python -m benchmarks.consumer.receivers --receivers 100 --dead 5
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project

CONSUME = (sys.executable, "manage.py", "consume_events", "access")
PATIENCE_SECONDS = 120
SETTLE_SECONDS = 3.0
"""For which a change of the rows is waited for."""


class Receivers:
    """One server for all receivers, which notes the age of each message; those below /dead never answer."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.port = 0

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                if head.startswith(b"POST /dead"):
                    await asyncio.sleep(3600)
                happened_at = datetime.fromisoformat(json.loads(body)["timestamp"])
                self.ages.append((datetime.now(UTC) - happened_at).total_seconds())
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _serve(self, started: threading.Event) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await server.serve_forever()

    def start(self) -> None:
        started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True).start()
        started.wait(PATIENCE_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--receivers", type=int, default=100, metavar="N")
    parser.add_argument("--dead", type=int, default=5, metavar="N", help="so many of them hang")
    parser.add_argument("--changes", type=int, default=30, metavar="N", help="cancellations in each turn")
    parser.add_argument("--turns", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    os.environ["ACCESS_SYSTEM_ALLOW_PRIVATE"] = "true"
    receivers = Receivers()
    receivers.start()
    with loaded_project():
        dead = add(receivers.port, arguments.receivers, arguments.dead)
        with consumer() as process:
            measure(receivers, dead, process, arguments)


def add(port: int, receivers: int, dead: int) -> Sequence[Any]:
    """Add the receivers; return those that will hang."""
    from tickets.access import control  # noqa: PLC0415 (after the setup)

    def named(name: str) -> Any:
        return control.add(name, f"http://127.0.0.1:{port}/{name}", ["ticket.canceled"]).receiver

    for number in range(receivers - dead):
        named(f"healthy-{number}")
    return [named(f"dead-{number}") for number in range(dead)]


@contextmanager
def consumer() -> Iterator[psutil.Process]:
    process = subprocess.Popen(CONSUME)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def measure(receivers: Receivers, dead: Sequence[Any], process: psutil.Process, arguments: argparse.Namespace) -> None:
    """Take turns with and without the dead ones, and print the delays."""
    from tickets.access import control  # noqa: PLC0415 (after the setup)

    healthy = arguments.receivers - len(dead)
    ages: dict[str, list[float]] = {"no dead ones": [], f"{len(dead)} dead ones": []}
    cancel(receivers, healthy, 2)
    for _ in range(arguments.turns):
        for name, act in zip(ages, (control.disable, control.enable), strict=True):
            for receiver in dead:
                act(receiver)
            time.sleep(SETTLE_SECONDS)
            ages[name] += cancel(receivers, healthy, arguments.changes)
    table = Table("receivers", "median, ms", "p99, ms", title=f"From the commit to {healthy} healthy receivers")
    for name, found in ages.items():
        table.add_row(
            f"{arguments.receivers}, {name}", f"{1e3 * statistics.median(found):,.0f}", f"{1e3 * p99(found):,.0f}"
        )
    console = Console()
    console.print(table)
    without, beside = map(p99, ages.values())
    console.print(f"p99 beside dead ones: {beside / without:.2f} times that without")
    console.print(f"The consumer: {process.num_threads()} threads, {process.memory_info().rss / 1e6:,.0f} MB")


def cancel(receivers: Receivers, healthy: int, changes: int) -> list[float]:
    """Cancel tickets one after the other; return the ages of the messages that arrived."""
    from benchmarks.recording.saves import details  # noqa: PLC0415 (after the setup)
    from tickets.models import Ticket  # noqa: PLC0415

    tickets = Ticket.issue_many(map(details, range(changes)))
    receivers.ages.clear()
    until = time.monotonic() + PATIENCE_SECONDS
    for number, ticket in enumerate(tickets, start=1):
        Ticket.cancel_many([ticket])
        while len(receivers.ages) < number * healthy and time.monotonic() < until:
            time.sleep(0.005)
    return list(receivers.ages)


def p99(found: Sequence[float]) -> float:
    return statistics.quantiles(found, n=100)[-1]


if __name__ == "__main__":
    main()
