"""Measure the processor's time that an event takes in each part, with more partitions and more consumers.

    uv run python -m benchmarks.consumer.partitions [--events 20000] [--partitions 1 2 4 8 16] [--consumers 1 2 4 8]

The relay appends all events while the consumers write their documents and timeline into Elasticsearch. Each consumer
is a process. A start takes more than the events, so all count from when each consumer has its partitions. The audit is
off: it costs by the second, not by the event.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import product

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_log, loaded_project

GROUP = "readmodel"
CONSUME = (sys.executable, "manage.py", "consume_events", GROUP, "--consumer")
PARTS = ("relay", "consumers", "PostgreSQL", "Valkey", "Elasticsearch")
SERVERS = {"postgres": "PostgreSQL", "valkey-server": "Valkey", "config.engines.elasticsearch_node": "Elasticsearch"}
"""The parts by a word of their processes' command lines."""
PATIENCE_SECONDS = 120

type Seconds = dict[str, float]
"""The processor's time by part."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="events of each row (default: %(default)s)")
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--consumers", type=int, nargs="+", default=[1, 2, 4, 8])
    options = parser.parse_args()
    os.environ["READMODEL_AUDIT_PER_SECOND"] = "0"
    with loaded_project():
        pairs = [pair for pair in product(options.partitions, options.consumers) if pair[1] <= pair[0]]
        measure(pairs[0], options.events)  # A warm-up, not counted.
        print_costs({pair: measure(pair, options.events) for pair in pairs}, options.events)


def measure(pair: tuple[int, int], events: int) -> Seconds:
    """Return what the events take with so many partitions and consumers."""
    partitions, consumers = pair
    make_partitions(partitions)
    with running_consumers(consumers, partitions) as processes:
        record_events(events)
        before = used_by(processes)
        relayed = relay()
        wait_until_consumed()
        used = used_by(processes)
    return {"relay": relayed} | {part: seconds - before[part] for part, seconds in used.items()}


def make_partitions(number: int) -> None:
    """Empty the log, the stream and the groups, and divide them into so many partitions."""
    from events.log.partitions import forget_layout, partition_count  # noqa: PLC0415 (after the setup)
    from events.models import Checkpoint, Lease, Member, Partition  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    with closing(open_stream()) as stream:
        for partition in range(partition_count()):
            stream.delete(partition)
    empty_log()
    for model in (Checkpoint, Lease, Member, Partition):
        model.objects.all().delete()
    os.environ["EVENTS_PARTITIONS"] = str(number)  # The consumers compare it with the database.
    Partition.objects.bulk_create(Partition(number=partition) for partition in range(number))
    forget_layout()


@contextmanager
def running_consumers(number: int, partitions: int) -> Iterator[list[psutil.Process]]:
    """Run the consumers, and wait until each owns its share of the partitions."""
    from events.models import Lease  # noqa: PLC0415 (after the setup)

    started = [subprocess.Popen((*CONSUME, f"consumer-{process}")) for process in range(number)]
    try:
        share = {partitions // number, -(-partitions // number)}
        wait_until(lambda: _shares(list(Lease.objects.values_list("member", flat=True)), number) == (partitions, share))
        yield [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(PATIENCE_SECONDS)


def _shares(owners: Sequence[str], number: int) -> tuple[int, set[int]]:
    """Return how many partitions are owned, and how many each of the consumers has."""
    found = Counter(filter(None, owners))
    return found.total(), set(found.values()) if len(found) == number else set()


def record_events(number: int) -> None:
    """Record one event each of so many tickets; none is flushed."""
    from benchmarks.consumer.consumers import ticket  # noqa: PLC0415 (after the setup)
    from events import record, unit_of_work  # noqa: PLC0415
    from tickets.events import TicketIssued  # noqa: PLC0415

    for _ in range(0, number, 500):
        with unit_of_work() as unit:
            record(*(TicketIssued(ticket=ticket(place)) for place in range(500)))
            unit.unflushed.clear()


def relay() -> float:
    """Relay all that waits; return the processor's time that this process took."""
    from events.relay.turns import Relay  # noqa: PLC0415 (after the setup)
    from events.stream.interface import open_stream  # noqa: PLC0415

    started = time.process_time()
    with closing(open_stream()) as stream:
        turns = Relay(stream)
        while turns.take_turn().has_more:
            pass
    return time.process_time() - started


def wait_until_consumed() -> None:
    from events.groups import checkpoint  # noqa: PLC0415 (after the setup)

    wait_until(lambda: not checkpoint.behind_the_log())


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            sys.exit("the consumers take too long")
        time.sleep(0.05)


def used_by(consumers: Sequence[psutil.Process]) -> Seconds:
    """Return the processor's time that the consumers and the servers have taken so far."""
    used = dict.fromkeys(SERVERS.values(), 0.0)
    for process in psutil.Process().children(recursive=True):
        words = " ".join(process.cmdline())
        part = next((part for word, part in SERVERS.items() if word in words), None)
        if part:
            used[part] += seconds_of(process)
    return used | {"consumers": sum(seconds_of(process) for process in consumers)}


def seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def print_costs(costs: dict[tuple[int, int], Seconds], events: int) -> None:
    table = Table("partitions", "consumers", title=f"The processor's time for an event, in µs, of {events:,} events")
    for name in (*PARTS, "all", "times one partition's"):
        table.add_column(name, justify="right")
    reference = sum(next(iter(costs.values())).values())
    for (partitions, consumers), used in costs.items():
        parts = [f"{used[part] / events * 1e6:,.0f}" for part in PARTS]
        total = sum(used.values())
        table.add_row(
            str(partitions), str(consumers), *parts, f"{total / events * 1e6:,.0f}", f"{total / reference:.2f}"
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
