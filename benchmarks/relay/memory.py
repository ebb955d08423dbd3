"""Measure the relay's largest memory for different numbers of waiting events.

uv run python -m benchmarks.relay.memory
"""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.relay.throughput import fill
from benchmarks.servers import loaded_project

WAITING = (1_000, 100_000, 1_000_000)
RELAY = (sys.executable, "manage.py", "relay_events", "--once")
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
LOOK_SECONDS = 0.05


class Run(NamedTuple):
    """What one process took."""

    seconds: float
    peak_mib: float


def main() -> None:
    with loaded_project():
        table = Table("waiting events", "largest memory, MiB", title="The relay's memory")
        for events in WAITING:
            fill(events)
            table.add_row(f"{events:,}", f"{peak_memory_mib(RELAY):.0f}")
        Console().print(table)


def peak_memory_mib(command: Sequence[str]) -> float:
    """Run the command, and return its largest memory."""
    return measured(command).peak_mib


def measured(command: Sequence[str], **options: Any) -> Run:
    """Run the command, and return what it took.

    The kernel keeps the peak of a program's memory, but its account of an ended process has also the peak of the
    program that started it.
    """
    peak, started = 0, time.perf_counter()
    with subprocess.Popen(command, **{"stdout": subprocess.DEVNULL, **options}) as process:
        while process.poll() is None:
            if found := PEAK.search(Path(f"/proc/{process.pid}/status").read_text()):
                peak = int(found[1])
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        sys.exit(f"{command} failed")
    return Run(time.perf_counter() - started, peak / 1024)


if __name__ == "__main__":
    main()
