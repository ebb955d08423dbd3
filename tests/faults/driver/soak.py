"""Run the installation for long under a steady load with rolling restarts, and tell what grows.

Each minute a part is restarted: relay-2, readmodel-2, access-1 and the web server's workers in turn; relay-1 and
readmodel-1 run from the beginning to the end. Compaction and trimming run as docs/operations/log.md recommends
to operators. Of what grows with the business (tickets, and their events and documents) the size of one is measured.
"""

import argparse
import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import cycle
from statistics import median
from typing import NamedTuple

from django.core.management import CommandError, call_command
from rich.console import Console

from tests.faults.driver.installation import Installation
from tests.faults.driver.load import CLIENTS, Load
from tests.faults.driver.samples import Probe, Sample, latencies_since, sample

SAMPLE_SECONDS = 10.0
RESTART_SECONDS = 60.0
COMPACT_SECONDS = 60.0
STREAM_LENGTH = 2_000
WARM_UP_SHARE = 0.1
MOST_GROWTH = 0.15
"""What the last quarter may have more than the first one after the warm-up; a trend is flat below it."""
SLACK = {
    "WAL": 1_024.0,
    "(MB)": 5.0,
    "(ms)": 20.0,
    "descriptors": 4.0,
    "sessions": 4.0,
    "(kB)": 0.3,
    "(bytes)": 30.0,
    "events,": 0.3,
}
"""What it may have more in any case, by what its name contains; PostgreSQL keeps WAL for reuse up to max_wal_size."""


class Verdict(NamedTuple):
    """A measured value in the first and the last quarter, and its trend."""

    name: str
    first: float
    last: float
    hourly: float
    grows: bool


def run(options: argparse.Namespace, installation: Installation) -> int:
    """Run the soak, and print its table; return 1 if something grows."""
    console, samples = Console(highlight=False, soft_wrap=True), []
    load = Load(installation, interval_seconds=CLIENTS / options.rate)
    probe = Probe(installation)
    with load.running(), probe.running():
        for seconds in _measured(options.minutes * 60, installation):
            samples.append({"at": seconds, **sample(installation, latencies_since(load, probe, installation))})
            if options.results:
                with options.results.open("a") as lines:
                    lines.write(json.dumps(samples[-1]) + "\n")
    found = list(verdicts(samples))
    console.print("\n".join(table(found)), markup=False)
    console.print(f"{len(load.answered):,} changes in {options.minutes:g} minutes", markup=False)
    console.print(f"{load.unanswered} requests were not answered; refused: {load.refused[:3]}", markup=False)
    endings = [ending for program in installation.programs for ending in program.take_endings()]
    console.print(f"processes that ended by themselves: {endings}", markup=False)
    return int(any(verdict.grows for verdict in found) or bool(load.refused) or bool(endings))


def _measured(seconds: float, installation: Installation) -> Iterator[float]:
    """Yield when a sample is due; meanwhile restart and compact."""
    began = time.monotonic()
    restart_at, compact_at = began + RESTART_SECONDS, began + COMPACT_SECONDS / 2
    names = cycle(["relay-2", "web", "readmodel-2", "access-1"])
    due = began + SAMPLE_SECONDS
    while due < began + seconds:
        time.sleep(max(due - time.monotonic(), 0))
        yield due - began
        due += SAMPLE_SECONDS
        if time.monotonic() > restart_at:
            restart_at += RESTART_SECONDS
            _restart(installation, next(names))
        if time.monotonic() > compact_at:
            compact_at += COMPACT_SECONDS
            _compact()


def _restart(installation: Installation, name: str) -> None:
    [program] = [program for program in installation.programs if program.name == name]
    if name == "web":
        program.send_to_main(signal.SIGHUP)  # As restart_web does: the workers are replaced without a lost request.
    else:
        program.send(signal.SIGTERM)


def _compact() -> None:
    with suppress(CommandError):
        call_command("compact_events", "--older-than=1m", stdout=StringIO())
        call_command("trim_stream", f"--length={STREAM_LENGTH}", "--yes", stdout=StringIO())


def verdicts(samples: Sequence[Sample]) -> Iterator[Verdict]:
    """Compare the first quarter after the warm-up with the last quarter."""
    settled = samples[int(len(samples) * WARM_UP_SHARE) :]
    quarter = max(len(settled) // 4, 1)
    for name in [name for name in settled[-1] if name != "at"]:
        first, last = _median(settled[:quarter], name), _median(settled[-quarter:], name)
        hours = (settled[-1]["at"] - settled[0]["at"]) * 0.75 / 3600
        slack = next((most for part, most in SLACK.items() if part in name), 0.0)
        grows = last - first > max(MOST_GROWTH * first, slack)
        yield Verdict(name, first, last, (last - first) / max(hours, 1e-6), grows)


def _median(samples: Sequence[Sample], name: str) -> float:
    return median([found[name] for found in samples if name in found] or [0.0])


def table(found: Sequence[Verdict]) -> Iterator[str]:
    yield "| what | first quarter | last quarter | more in an hour | verdict |"
    yield "|---|---|---|---|---|"
    for verdict in found:
        said = "grows" if verdict.grows else "flat"
        yield f"| {verdict.name} | {verdict.first:,.2f} | {verdict.last:,.2f} | {verdict.hourly:+,.2f} | {said} |"
