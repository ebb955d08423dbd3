"""Measure what it costs to measure: a unit of work that saves a ticket, records an event and flushes it on commit.

    uv run python -m benchmarks.recording.measured [--rounds 90]

The instruments of all stages are observed as in a worker of the web server, in files that the workers share; in the
other variant nobody observes them.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import closing

from benchmarks.interleaved import median_seconds, print_ratios
from benchmarks.servers import loaded_project

REPEATS = 10
REFERENCE = "nobody observes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=90, help="turns of each variant (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        with loaded_project():
            measure(rounds)


def measure(rounds: int) -> None:
    from benchmarks.recording.saves import Saves  # noqa: PLC0415 (after the setup)
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    save, observed = Saves().flush, Observed()
    variants: dict[str, Callable[[], None]] = {
        REFERENCE: lambda: observed.during(save, is_on=False),
        "observed, in shared files": lambda: observed.during(save, is_on=True),
    }
    for variant in variants.values():
        variant()  # A warm-up, not counted.
    with closing(open_stream()) as stream:
        seconds = median_seconds(variants, rounds=rounds, repeats=REPEATS, tidy_up=lambda: sweep(stream, 0))
    print_ratios("A change with an event, flushed on commit", seconds, reference=REFERENCE)


class Observed:
    """Switches between all observers and none. Within a round only the first run switches, so the median does not."""

    def __init__(self) -> None:
        from config.metrics.observing import observed  # noqa: PLC0415 (after the setup)
        from events.measuring.instruments import instruments  # noqa: PLC0415

        observed()
        self._observers = {instrument: instrument._observer for instrument in instruments()}  # noqa: SLF001
        self._is_on = True

    def during(self, work: Callable[[], None], *, is_on: bool) -> None:
        if is_on != self._is_on:
            self._is_on = is_on
            for instrument, observer in self._observers.items():
                instrument.observe(observer if is_on else None)
        work()


if __name__ == "__main__":
    main()
