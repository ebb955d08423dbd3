"""Measure the relay's largest memory for different numbers of waiting events.

uv run python -m benchmarks.relay.memory
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.relay.throughput import fill
from benchmarks.servers import loaded_project

WAITING = (1_000, 100_000, 1_000_000)
RELAY = (sys.executable, "manage.py", "relay_events", "--once")


def main() -> None:
    with loaded_project():
        table = Table("waiting events", "largest memory, MiB", title="The relay's memory")
        for events in WAITING:
            fill(events)
            table.add_row(f"{events:,}", f"{peak_memory_mib(RELAY):.0f}")
        Console().print(table)


def peak_memory_mib(command: Sequence[str]) -> float:
    """Run the command, and return its largest memory."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return usage.ru_maxrss / 1024  # Linux counts kibibytes.


if __name__ == "__main__":
    main()
