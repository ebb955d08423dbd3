"""Print the schedules that would run, or the table of what has run."""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.driver.faults import FAULTS
from tests.faults.driver.schedule import schedules


def print_report(options: argparse.Namespace) -> None:
    lines = table(read(options.table)) if options.table else map(str, schedules(options))
    sys.stdout.writelines(f"{line}\n" for line in lines)


def read(files: Sequence[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def table(results: Sequence[dict[str, Any]], of: str = "") -> Iterator[str]:
    """Yield a row for each fault whose name begins so, with the figures of the schedules in which it happened."""
    failed = sum(bool(result["failures"]) for result in results)
    seeds = ", ".join(_ranges([result["seed"] for result in results]))
    yield f"{len(results):,} schedules, {failed} failed; seeds {seeds}"
    yield ""
    yield "| fault | tried | failed | without an answer: median, p95, most | equal again after: median, p95, most |"
    yield "|---|---|---|---|---|"
    with_fault = defaultdict(list)
    for result in results:
        for name, happened in result["struck"].items():
            if happened:
                with_fault[name.partition("|")[0]].append(result)
    for name, fault in sorted((name, fault) for name, fault in FAULTS.items() if name.startswith(of)):
        found = with_fault[name]
        fallen = sum(bool(result["failures"]) for result in found)
        if fault.why_not:
            yield f"| {name} | not tried: {fault.why_not} | | | |"
        elif found:
            silent = _figures([result["silence_seconds"] for result in found])
            equal = _figures([result["equal_seconds"] for result in found])
            yield f"| {name} | {len(found):,} | {fallen} | {silent} | {equal} |"
        else:
            yield f"| {name} | 0 | | | |"


def _figures(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{median(ordered):.1f}, {p95:.1f}, {ordered[-1]:.1f} s"


def _ranges(seeds: Sequence[str]) -> Iterator[str]:
    """Yield the seeds, with neighbours joined."""
    numbers = sorted({int(seed) for seed in seeds if seed.isdecimal()})
    first = before = None
    for number in [*numbers, None]:
        if first is not None and (number is None or number != before + 1):
            yield str(first) if first == before else f"{first} to {before}"
            first = None
        first = number if first is None else first
        before = number
    yield from sorted({seed.partition(".")[0] for seed in seeds if not seed.isdecimal()})
