"""Measure variants of the same work in turns, so that a change of the machine's load affects all of them."""

import random
import statistics
import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table

type Variants = Mapping[str, Callable[[], object]]


def median_seconds(
    variants: Variants, *, rounds: int, repeats: int, tidy_up: Callable[[], object] = lambda: None
) -> dict[str, float]:
    """Run each variant `repeats` times per round, in random order; return the median of all its single runs.

    `tidy_up` runs before each turn, and is not timed.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name in random.sample(list(variants), len(variants)):
            tidy_up()
            for _ in range(repeats):
                started = time.perf_counter()
                variants[name]()
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(measured) for name, measured in times.items()}


def print_ratios(title: str, seconds: Mapping[str, float], *, reference: str) -> None:
    """Print each variant's time, and its ratio to the reference's time."""
    table = Table("variant", title=title)
    table.add_column("median, us", justify="right")
    table.add_column(f"times {reference}", justify="right")
    for name, measured in seconds.items():
        table.add_row(name, f"{measured * 1e6:,.0f}", f"{measured / seconds[reference]:.2f}")
    Console().print(table)
