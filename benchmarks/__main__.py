"""Run the benchmarks, and print docs/benchmarks.md.

    uv run python -m benchmarks > docs/benchmarks.md

All of them take about an hour. To run some alone, name their modules:

    uv run python -m benchmarks peers.outboxes consumer.consume

A benchmark that compares with other packages runs in an environment of its own that has these, in the versions below.
One that lacks a program to compare with prints in place of figures how to install it. Some take sizes:
`uv run python -m benchmarks.MODULE --help` lists them.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

HEAD = """# Figures

Printed by `python -m benchmarks` on {today}, on {cores} cores ({machine}, Python {python}), with the servers on the
same cores. Ratios were measured in turns, in one run: they stay roughly the same on a noisy machine, absolute figures
do not.
"""
NOTHING_TO_COMPARE = 2


class Benchmark(NamedTuple):
    title: str
    arguments: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """What it needs beside the project's packages, or in place of them."""


BENCHMARKS = {
    "first_start": Benchmark("The README's two commands, on a fresh clone with empty caches"),
    "recording.emit": Benchmark("Recording events"),
    "recording.measured": Benchmark("What the metrics cost"),
    "recording.tracing": Benchmark("Tracing"),
    "relay.latency": Benchmark("From the commit to the stream"),
    "relay.wake": Benchmark("Waking the relay"),
    "relay.throughput": Benchmark("The relay"),
    "relay.memory": Benchmark("The relay's memory"),
    "relay.giving_positions": Benchmark("Giving positions"),
    "peers.outboxes": Benchmark(
        "Other outboxes for Django",
        packages=(
            "django-domain-events==0.14.1",
            "django-jaiminho==2.2.1",
            "django-reliable-outbox==0.1.1",
            "django==6.0.10",  # django-reliable-outbox refuses 6.1. All four run on the same one.
        ),
    ),
    "consumer.consume": Benchmark("The consumer", packages=("elasticsearch[async]==9.5.1", "faststream[redis]==0.7.8")),
    "consumer.process": Benchmark("The consumer as a process"),
    "consumer.partitions": Benchmark("Partitions and consumers"),
    "consumer.receivers": Benchmark("Receivers of webhooks, of which some are dead"),
    "peers.symfony": Benchmark("Symfony Messenger's worker"),
    "readmodel.searchable": Benchmark("From a commit to the search"),
    "readmodel.consistency": Benchmark("Read your own writes", arguments=("--pairs", "1000")),
    "peers.elasticsearch_dsl": Benchmark(
        "Writing into Elasticsearch within the request",
        packages=(
            "django-elasticsearch-dsl==9.0",
            "elasticsearch==9.3.0",  # With 9.4 and later, django-elasticsearch-dsl writes documents without fields.
        ),
    ),
    "readmodel.suggest": Benchmark("Suggestions while typing"),
    "web.start": Benchmark("The web server's start"),
    "web.feed": Benchmark("Events over HTTP"),
    "web.hostile_clients": Benchmark("Hostile clients"),
    "readmodel.verify": Benchmark("Proving the read model", arguments=("--tickets", "100000")),
    "readmodel.rebuild": Benchmark("Rebuilding the read model"),
    "readmodel.preview": Benchmark("Previewing a changed projection"),
    "relay.log_size": Benchmark("A large log", arguments=("--rows", "1000000")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", metavar="MODULE", nargs="*", choices=BENCHMARKS, help="the benchmarks to run (default: all)"
    )
    names = parser.parse_args().names
    if not names:
        facts = {"today": datetime.now(UTC).date(), "cores": os.cpu_count(), "machine": platform.machine()}
        print(HEAD.format(**facts, python=platform.python_version()))
    print_sections(names or BENCHMARKS)


def print_sections(names: Iterable[str]) -> None:
    for name in names:
        print(f"## {BENCHMARKS[name].title}\n\n```text\n{output_of(name)}\n```\n", flush=True)


def output_of(name: str) -> str:
    """Return what the benchmark prints; end with its error if it fails."""
    finished = subprocess.run(command_of(name), capture_output=True, text=True, check=False)
    if finished.returncode == NOTHING_TO_COMPARE:
        return finished.stderr.strip()
    if finished.returncode:
        sys.exit(finished.stdout + finished.stderr)
    return finished.stdout.strip("\n")


def command_of(name: str) -> tuple[str, ...]:
    benchmark = BENCHMARKS[name]
    command = ("-m", f"benchmarks.{name}", *benchmark.arguments)
    if not benchmark.packages:
        return (sys.executable, *command)
    uv = os.environ.get("UV", "uv")  # `uv run` sets UV to its own path.
    added = [word for package in benchmark.packages for word in ("--with", package)]
    return (uv, "run", *added, "python", *command)


if __name__ == "__main__":
    main()
