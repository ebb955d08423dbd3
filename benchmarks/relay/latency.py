"""Measure the time from a commit to the stream, if the request flushes, and if it wakes the relay to flush.

uv run python -m benchmarks.relay.latency
"""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project

EVENTS = 300
PAUSE_SECONDS = 0.02
WRITERS_UNDER_LOAD = 4
PATIENCE_SECONDS = 60


def main() -> None:
    with loaded_project():
        measure()


def measure() -> None:
    from django.test import override_settings  # noqa: PLC0415 (after the setup)

    table = Table("flushed by", "load", "p50, ms", "p99, ms", title="From the commit to the stream")
    with running_relay():
        for flush_on_commit, by in ((True, "the request"), (False, "the relay")):
            with override_settings(EVENTS_FLUSH_ON_COMMIT=flush_on_commit):
                add_row(table, by, "idle", delays(writers=1, pause_seconds=PAUSE_SECONDS))
                add_row(table, by, f"{WRITERS_UNDER_LOAD} writers", delays(WRITERS_UNDER_LOAD, pause_seconds=0))
    Console().print(table)


@contextmanager
def running_relay() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "relay_events"])
    try:
        time.sleep(3)  # Until the relay has started.
        yield
    finally:
        process.terminate()
        process.wait()


def delays(writers: int, pause_seconds: float) -> list[float]:
    """Return, for each event, the seconds from its commit until a reader of the stream has it."""
    committed: dict[str, float] = {}
    arrived: dict[str, float] = {}
    reader = threading.Thread(target=read, args=(arrived, end_of_stream(), writers * EVENTS))
    reader.start()
    with ThreadPoolExecutor(writers) as threads:
        for writing in [threads.submit(write, committed, pause_seconds) for _ in range(writers)]:
            writing.result()
    reader.join(PATIENCE_SECONDS)
    return [arrived[name] - committed[name] for name in committed]


def write(committed: dict[str, float], pause_seconds: float) -> None:
    from django.db import connection, transaction  # noqa: PLC0415

    from events import record, unit_of_work  # noqa: PLC0415
    from tests.things import ThingMade  # noqa: PLC0415

    for _ in range(EVENTS):
        name = str(uuid4())
        with unit_of_work():
            # Registered before our own callback, so it runs right after the commit, before anything is flushed.
            transaction.on_commit(lambda name=name: committed.__setitem__(name, time.perf_counter()))
            record(ThingMade(name=name))
        time.sleep(pause_seconds)
    connection.close()


def end_of_stream() -> str:
    from events.stream.interface import open_stream  # noqa: PLC0415 (after the setup)

    with closing(open_stream()) as stream:
        return f"{stream.tail(0).position}-0"


def read(arrived: dict[str, float], after: str, count: int) -> None:
    from events.stream.interface import open_stream  # noqa: PLC0415

    until = time.monotonic() + PATIENCE_SECONDS
    with closing(open_stream()) as stream:
        while len(arrived) < count and time.monotonic() < until:
            for entry in stream.entries(0, after=after, count=500, block_seconds=1):
                after = entry.id
                if entry.envelope:
                    arrived[entry.envelope.subject] = time.perf_counter()


def add_row(table: Table, by: str, load: str, measured: list[float]) -> None:
    percentiles = statistics.quantiles(measured, n=100)
    table.add_row(by, load, f"{percentiles[49] * 1e3:.1f}", f"{percentiles[98] * 1e3:.1f}")


if __name__ == "__main__":
    main()
