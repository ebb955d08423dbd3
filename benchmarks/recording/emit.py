"""Measure what recording events adds to a transaction that saves one row.

uv run python -m benchmarks.recording.emit
"""

from contextlib import closing

from benchmarks.interleaved import median_seconds, print_ratios
from benchmarks.servers import loaded_project

ROUNDS = 90
REPEATS = 10
REFERENCE = "plain save"


def main() -> None:
    with loaded_project():
        measure()


def measure() -> None:
    from benchmarks.recording.saves import Saves  # noqa: PLC0415 (after the setup)
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    variants = Saves().variants()
    for variant in variants.values():
        variant()  # A warm-up, not counted.
    with closing(open_stream()) as stream:
        seconds = median_seconds(variants, rounds=ROUNDS, repeats=REPEATS, tidy_up=lambda: sweep(stream, 0))
    print_ratios("Recording events, on PostgreSQL", seconds, reference=REFERENCE)


if __name__ == "__main__":
    main()
