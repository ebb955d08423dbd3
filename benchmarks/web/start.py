"""Measure how long the web server takes from the start of its process to its first answer.

    uv run python -m benchmarks.web.start [--rounds 10]

It has one worker, and runs as `manage.py up` runs it, on servers that are there already. The limit is a process of
Python that only sets up Django, which no web server can leave out.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project
from config.supervisord.ports import LOOPBACK, answers, free_port

LOOK_SECONDS = 0.005
SERVE = (sys.executable, "-m", "config.web.server", "--interface", "asginl", "--host", LOOPBACK, "--no-log")
SET_UP = (sys.executable, "-c", "import django; django.setup()")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="how often each is started (default: 10)")
    rounds = parser.parse_args().rounds
    with loaded_project():
        compare({"Python has set up Django": set_up, "the web server answers /healthz": start}, rounds)


def compare(ways: dict[str, Callable[[], float]], rounds: int) -> None:
    """Start each in turns, and print the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, measure in ways.items():
            seconds[name].append(measure())
    table = Table("from the start of a process until", title="The web server's start")
    table.add_column("median, s", justify="right")
    table.add_column("times the first", justify="right")
    least = statistics.median(next(iter(seconds.values())))
    for name, measured in seconds.items():
        median = statistics.median(measured)
        table.add_row(name, f"{median:.2f}", f"{median / least:.2f}")
    Console().print(table)


def set_up() -> float:
    begun = time.perf_counter()
    subprocess.run(SET_UP, check=True)
    return time.perf_counter() - begun


def start() -> float:
    port = free_port()
    begun = time.perf_counter()
    with subprocess.Popen((*SERVE, "--port", str(port), "config.asgi:application")) as process:
        try:
            while not answers(port, "/healthz"):
                if process.poll() is not None:
                    sys.exit(f"The web server ended with {process.returncode}.")
                time.sleep(LOOK_SECONDS)
            return time.perf_counter() - begun
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
