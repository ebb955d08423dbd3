"""Run schedules over simulated servers, or replay one of them.

    uv run python -m tests.simulation --schedules 100000 --processes 2
    uv run python -m tests.simulation --schedules 1 --seed 17
    uv run python -m tests.simulation --seed 17 --trace
    uv run python -m tests.simulation --planted 2000

The first command tries the seeds 0 to 99,999. The second one tries seed 17 alone: if it fails, faults, writes and
processes are left out as long as it still fails, and the last calls of the smallest schedule are shown. The third one
shows the calls of the schedule as it is. The fourth one plants each known fault in the code, and finds the first of
2,000 seeds that notices it.

The summary says which commit ran which seeds, and what it cost. The exit code is 1 if a schedule has failed; the seeds
that failed are named. Ctrl-C ends a run, and shows what was done.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from itertools import count, islice
from pathlib import Path
from time import process_time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.parallel import set_up, summaries

set_up()

from tests.simulation.mutation import planted  # noqa: E402 (Django must be set up)
from tests.simulation.plan import Plan  # noqa: E402
from tests.simulation.planted import MASKED, PLANTED  # noqa: E402
from tests.simulation.run import Outcome, Summary, installation, run  # noqa: E402
from tests.simulation.shrinking import shrunk  # noqa: E402

TRACE_LINES = 200
MOST_FAILURES = 10
"""A run ends early after so many failures."""
console = Console()


def main() -> int:
    arguments = _arguments()
    if arguments.planted:
        return _find_planted(arguments.seed, arguments.planted)
    if arguments.trace:
        with installation().installed():
            return _show(run(Plan.of(arguments.seed), traces=True), most_lines=None)
    return _run_many(_seeds(arguments), arguments.processes)


def _seeds(arguments: argparse.Namespace) -> Sequence[int]:
    """Return as many seeds as were asked for, from the first one on, in whose schedules the fault happens."""
    seeds: Iterable[int] = count(arguments.seed)
    if arguments.fault:
        seeds = (seed for seed in seeds if any(fault.kind == arguments.fault for fault in Plan.of(seed).faults))
    return list(islice(seeds, arguments.schedules))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schedules", type=int, default=1_000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="how many at a time")
    parser.add_argument("--fault", default="", metavar="NAME", help="only schedules with this fault, such as restore")
    parser.add_argument("--trace", action="store_true", help="replay this seed alone, and show each call")
    parser.add_argument(
        "--planted", type=int, default=0, metavar="N", help="plant each fault, and find the first of N seeds that fails"
    )
    return parser.parse_args()


def _run_many(seeds: Sequence[int], processes: int) -> int:
    total = Summary()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("schedules", total=len(seeds))
            for summary in summaries(seeds, processes):
                total += summary
                progress.update(task, completed=total.schedules)
                if len(total.failed) >= MOST_FAILURES:
                    break
    except KeyboardInterrupt:
        console.print("interrupted")
    _show_summary(total, seeds)
    if total.failed and len(seeds) == 1:
        with installation().installed():
            _show(run(shrunk(run(Plan.of(seeds[0]))).plan, traces=True), most_lines=TRACE_LINES)
    return int(bool(total.failed))


def _show_summary(total: Summary, seeds: Sequence[int]) -> None:
    table = Table("fault", "times")
    for kind, number in sorted(total.faults.items()):
        table.add_row(kind, f"{number:,}")
    console.print(table)
    console.print(
        f"commit {_commit()}, seeds {seeds[0]} to {seeds[-1]}: {total.schedules:,} schedules, {total.steps:,} calls of "
        f"servers, {total.simulated_seconds:,.0f} simulated seconds, {total.cpu_seconds:,.0f} s of CPU "
        f"({1000 * total.cpu_seconds / max(total.schedules, 1):.1f} ms each), {len(total.failed)} failed",
        soft_wrap=True,
        highlight=False,
    )
    for seed in sorted(total.failed):
        console.print(f"failed: uv run python -m tests.simulation --schedules 1 --seed {seed}", highlight=False)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _show(outcome: Outcome, *, most_lines: int | None) -> int:
    """Print the trace, the plan and the failure; return the exit code."""
    lines = outcome.trace if most_lines is None else outcome.trace[-most_lines:]
    for line in lines:
        console.print(line, highlight=False, markup=False, style="red" if line.endswith("<<<") else None)
    console.print(outcome.plan)
    for kind, place in outcome.happened:
        console.print(f"{place}: {kind}", highlight=False, markup=False, style="red")
    console.print(outcome.failure or "all guarantees hold", markup=False)
    return int(bool(outcome.failure))


def _find_planted(first: int, number: int) -> int:
    """Print the first seed that finds each planted fault, as tests/simulation/planted.py keeps it."""
    missed = set()
    with installation().installed():
        for mutation in [*PLANTED, *MASKED]:
            begun = process_time()
            with planted(mutation):
                found = next((seed for seed in range(first, first + number) if run(Plan.of(seed)).failure), None)
            console.print(f"{mutation.name}: {found} ({process_time() - begun:.0f} s)", highlight=False)
            if found is None:
                missed.add(mutation.name)
    return int(missed > {mutation.name for mutation in MASKED})


if __name__ == "__main__":
    sys.exit(main())
