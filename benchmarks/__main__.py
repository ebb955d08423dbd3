"""Run the benchmarks, and print docs/benchmarks.md.

    uv run --with django-jaiminho --with django-domain-events --with django-reliable-outbox \\
        --with 'faststream[redis]' --with 'elasticsearch[async]' python -m benchmarks > docs/benchmarks.md

It takes about an hour. A benchmark that lacks what it compares with says so in place of figures. Each can be run alone
too; its docstring says how.
"""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime

HEAD = """# Figures

Printed by `python -m benchmarks` on {today}, on {cores} cores ({machine}, Python {python}), with the servers on the
same cores. Ratios were measured in turns, in one run: they stay roughly the same on a noisy machine, absolute figures
do not.
"""
NOTHING_TO_COMPARE = 2
OLDER_CLIENT = ("uv", "run", "--with", "django-elasticsearch-dsl", "--with", "elasticsearch<9.4")
BENCHMARKS = (
    ("The README's two commands, on a fresh clone with empty caches", (sys.executable, "benchmarks/first_start.py")),
    ("Recording events", (sys.executable, "-m", "benchmarks.emit")),
    ("From the commit to the stream", (sys.executable, "-m", "benchmarks.latency")),
    ("Waking the relay", (sys.executable, "-m", "benchmarks.wake")),
    ("The relay", (sys.executable, "-m", "benchmarks.relay")),
    ("The relay's memory", (sys.executable, "-m", "benchmarks.relay_memory")),
    ("Other outboxes for Django", (sys.executable, "-m", "benchmarks.peers")),
    ("The consumer", (sys.executable, "-m", "benchmarks.consume")),
    ("The consumer as a process", (sys.executable, "-m", "benchmarks.consumer_process")),
    ("Symfony Messenger's worker", (sys.executable, "-m", "benchmarks.symfony")),
    ("From a commit to the search", (sys.executable, "-m", "benchmarks.searchable")),
    ("Read your own writes", (sys.executable, "-m", "benchmarks.consistency", "--pairs", "1000")),
    ("Writing into Elasticsearch within the request", (*OLDER_CLIENT, "python", "-m", "benchmarks.elasticsearch_dsl")),
    ("Suggestions while typing", (sys.executable, "-m", "benchmarks.suggest")),
    ("Events over HTTP", (sys.executable, "-m", "benchmarks.feed")),
    ("Proving the read model", (sys.executable, "-m", "benchmarks.verify", "--tickets", "100000")),
    ("Rebuilding the read model", (sys.executable, "-m", "benchmarks.rebuild")),
    ("A large log", (sys.executable, "-m", "benchmarks.log_size", "--rows", "1000000")),
)


def main() -> None:
    facts = {"today": datetime.now(UTC).date(), "cores": os.cpu_count(), "machine": platform.machine()}
    print(HEAD.format(**facts, python=platform.python_version()))
    for title, command in BENCHMARKS:
        print(f"## {title}\n\n```\n{printed(command)}\n```\n", flush=True)


def printed(command: tuple[str, ...]) -> str:
    """Return what the benchmark prints; end with its error if it fails."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode == NOTHING_TO_COMPARE:
        return finished.stderr.strip()
    if finished.returncode:
        sys.exit(finished.stdout + finished.stderr)
    return finished.stdout.strip()


if __name__ == "__main__":
    main()
