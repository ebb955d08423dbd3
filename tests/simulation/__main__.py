"""Run schedules, or replay one of them.

    uv run python -m tests.simulation --schedules 100000 --processes 2
    uv run python -m tests.simulation --seed 17 --trace
    uv run python -m tests.simulation --planted 2000

The first one that fails is shrunk and shown with its trace; the exit code is then 1.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import batched
from time import process_time

import django
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.simulation.mutation import planted  # noqa: E402 (Django must be set up)
from tests.simulation.plan import Plan  # noqa: E402
from tests.simulation.planted import PLANTED  # noqa: E402
from tests.simulation.run import Outcome, Summary, installation, run, run_all  # noqa: E402
from tests.simulation.shrinking import shrunk  # noqa: E402

SEEDS_AT_ONCE = 200
TRACE_LINES = 200
console = Console()


def main() -> int:
    arguments = _arguments()
    if arguments.planted:
        return _find_planted(arguments.seed, arguments.planted)
    if arguments.trace:
        with installation().installed():
            outcome = run(Plan.of(arguments.seed), traces=True)
        return _show(outcome)
    return _run_many(range(arguments.seed, arguments.seed + arguments.schedules), arguments.processes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schedules", type=int, default=1_000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="how many at a time")
    parser.add_argument("--trace", action="store_true", help="replay this seed alone, and print each call")
    parser.add_argument(
        "--planted", type=int, default=0, metavar="N", help="plant each fault, and find the first of N seeds that fails"
    )
    return parser.parse_args()


def _run_many(seeds: range, processes: int) -> int:
    total = Summary()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("schedules", total=len(seeds))
        for summary in _summaries(seeds, processes):
            total += summary
            progress.update(task, completed=total.schedules)
            if total.failed:
                break
    _show_summary(total)
    if total.failed is None:
        return 0
    console.print(f"seed {total.failed} fails; it is shrunk")
    with installation().installed():
        smallest = shrunk(run(Plan.of(total.failed)))
        return _show(run(smallest.plan, traces=True))


def _summaries(seeds: range, processes: int) -> Iterator[Summary]:
    chunks = list(batched(seeds, SEEDS_AT_ONCE, strict=False))
    if processes == 1:
        yield from map(run_all, chunks)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(run_all, chunks)
        pool.shutdown(cancel_futures=True)


def _show_summary(total: Summary) -> None:
    console.print(
        f"{total.schedules:,} schedules, {total.steps:,} calls of servers, {total.simulated_seconds:,.0f} simulated "
        f"seconds, {total.cpu_seconds:,.0f} s of CPU ({1000 * total.cpu_seconds / max(total.schedules, 1):.1f} ms each)"
    )
    table = Table("fault", "times")
    for kind, number in sorted(total.faults.items()):
        table.add_row(kind, f"{number:,}")
    console.print(table)


def _show(outcome: Outcome) -> int:
    """Print the trace, the plan and the failure; return the exit code."""
    for line in outcome.trace if not outcome.failure else outcome.trace[-TRACE_LINES:]:
        console.print(line, highlight=False, markup=False, style="red" if line.endswith("<<<") else None)
    console.print(outcome.plan)
    for kind, place in outcome.happened:
        console.print(f"{place}: {kind}", highlight=False, markup=False, style="red")
    console.print(outcome.failure or "all guarantees hold", markup=False)
    return int(bool(outcome.failure))


def _find_planted(first: int, number: int) -> int:
    """Print the first seed that finds each planted fault, as tests/simulation/planted.py keeps it."""
    missed: Counter[str] = Counter()
    with installation().installed():
        for mutation in PLANTED:
            begun = process_time()
            with planted(mutation):
                found = next((seed for seed in range(first, first + number) if run(Plan.of(seed)).failure), None)
            console.print(f"{mutation.name}: {found} ({process_time() - begun:.0f} s)", highlight=False)
            missed[mutation.name] += found is None
    return int(missed.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
