"""Run schedules in several processes."""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import batched
from multiprocessing import get_context
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from tests.simulation.run import Summary

SEEDS_AT_ONCE = 100


def set_up() -> None:
    """Set up Django, before modules that need it are imported."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()


def summaries(seeds: Sequence[int], processes: int) -> Iterator["Summary"]:
    """Run the schedules of the seeds; yield a summary of a few of them as soon as they have ended."""
    chunks = list(batched(seeds, SEEDS_AT_ONCE, strict=False))
    if processes == 1:
        yield from map(_run_all, chunks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin) as pool:
        try:
            yield from (future.result() for future in as_completed([pool.submit(_run_all, chunk) for chunk in chunks]))
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the parent, which shows what was done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up()


def _run_all(seeds: Sequence[int]) -> "Summary":
    from tests.simulation.run import run_all  # noqa: PLC0415 (Django must be set up)

    return run_all(seeds)
