"""Compare the consumer with the shortest loops that do its work by hand, and with FastStream.

    uv run python -m benchmarks consumer.consume

The loops by hand read a batch, decode it, write it in one request and acknowledge it. All write the same documents,
except for the one that writes the tickets' JSON as it came. They don't check each document's result, don't see gaps,
don't own partitions, and lose or repeat events when they crash.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project

EVENTS = 50_000
HOT_TICKETS = 100
ROUNDS = 5
REFERENCE = "by hand"


class Variant(NamedTuple):
    """A way to consume all events: its preparation, which is not timed, and the work itself."""

    prepare: Callable[[], object]
    consume: Callable[[], object]


def main() -> None:
    with loaded_project():
        from benchmarks.consumer import consumers  # noqa: PLC0415 (after the setup)

        consumers.fill(EVENTS, tickets=EVENTS)
        compare("Without a target, events/s", consumers.without_target())
        compare("Into Elasticsearch, events/s", consumers.into_elasticsearch())
        consumers.fill(EVENTS, tickets=HOT_TICKETS)
        compare(f"Into Elasticsearch, {HOT_TICKETS} tickets that change all the time, events/s", consumers.hot())


def compare(title: str, variants: Mapping[str, Variant], *, reference: str = REFERENCE) -> None:
    """Run the variants in turns, in random order, and print each one's rate and its ratio to the reference."""
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name in random.sample(list(variants), len(variants)):
            variants[name].prepare()
            started = time.perf_counter()
            variants[name].consume()
            rates[name].append(EVENTS / (time.perf_counter() - started))
    table = Table("consumer", title=title)
    table.add_column("median", justify="right")
    table.add_column(f"times {reference}", justify="right")
    usual = statistics.median(rates[reference])
    for name, measured in rates.items():
        median = statistics.median(measured)
        table.add_row(name, f"{median:,.0f}", f"{median / usual:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
