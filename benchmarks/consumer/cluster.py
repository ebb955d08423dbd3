"""Compare the processor's time of an event on one Valkey and on a cluster of three masters with replicas.

    uv run python -m benchmarks.consumer.cluster [--events 20000] [--rounds 5]

The same events of four partitions are relayed and then consumed, by one process, in turns: on one Valkey, and on the
cluster. The servers' time is that of all their processes; those of the cluster also replicate and watch each other.
"""

import argparse
import os
import random
import resource
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_log, loaded_project
from tests.network.redis_cluster import Cluster, running_cluster
from tests.network.redis_servers import VALKEY, Server, running_server

if TYPE_CHECKING:
    from events.relay.turns import Relay
    from events.stream.interface import Stream

PARTITIONS = 4
PATIENCE_SECONDS = 60
"""After which a silent master would be replaced: on a busy machine it may be silent for seconds."""
RECORDED_AT_ONCE = 500
ONE, MANY = "one Valkey", "cluster"
MICRO = 1_000_000


class Place(NamedTuple):
    """Where the stream is."""

    url: str
    masters: Sequence[Server]
    replicas: Sequence[Server]


class Cost(NamedTuple):
    """Microseconds of the processor for an event, and bytes between our process and the masters."""

    ours: float
    masters: float
    replicas: float
    sent: float
    received: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="events in a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds (default: %(default)s)")
    options = parser.parse_args()
    os.environ["EVENTS_PARTITIONS"] = str(PARTITIONS)
    with loaded_project(needs_elasticsearch=False), TemporaryDirectory() as folder, places(Path(folder)) as found:
        costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
        memory: dict[str, float] = {}
        for _ in range(options.rounds):
            for name in random.sample(list(found), len(found)):
                measure(name, found[name], options.events, costs, memory)
        print_costs(options.events, costs)
        for name, size in memory.items():
            print(f"{name}: {size:,.0f} bytes of memory an entry, in the masters")


@contextmanager
def places(folder: Path) -> Iterator[dict[str, Place]]:
    with ExitStack() as stack:
        for name in ("one", "cluster"):
            (folder / name).mkdir()
        one = stack.enter_context(running_server(VALKEY, folder / "one"))
        cluster: Cluster = stack.enter_context(
            running_cluster(folder / "cluster", node_timeout_seconds=PATIENCE_SECONDS)
        )
        masters = cluster.masters
        replicas = [node for node in cluster.nodes if node not in masters]
        yield {ONE: Place(one.url, [one], []), MANY: Place(cluster.dsn, masters, replicas)}


def measure(
    name: str, place: Place, events: int, costs: dict[tuple[str, str], list[Cost]], memory: dict[str, float]
) -> None:
    from django.test import override_settings  # noqa: PLC0415 (after the setup)

    from events.relay.turns import Relay  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    with override_settings(EVENTS_STREAM_URL=place.url, EVENTS_STREAM_MAX_LENGTH=events):
        record_all(events)
        with closing(open_stream()) as stream:
            relay = Relay(stream)
            costs["relay", name].append(cost(place, events, lambda: relay_all(relay)))
            memory[name] = sum(stream.memory_usage(number) or 0 for number in range(PARTITIONS)) / events
            costs["consumer", name].append(cost(place, events, lambda: consume(stream, events)))
        for server in place.masters:
            server.client.flushall()


def record_all(events: int) -> None:
    """Begin again with so many events without positions."""
    from benchmarks.consumer.consumers import event_of, ticket  # noqa: PLC0415 (after the setup)
    from events import record, unit_of_work  # noqa: PLC0415
    from events.models import Checkpoint, Lease, Member  # noqa: PLC0415

    empty_log()
    for model in (Checkpoint, Lease, Member):
        model.objects.all().delete()
    states = [ticket(number) for number in range(events)]
    for start in range(0, events, RECORDED_AT_ONCE):
        with unit_of_work() as unit:
            record(*(event_of(states, number) for number in range(start, start + RECORDED_AT_ONCE)))
            unit.unflushed.clear()


def relay_all(relay: "Relay") -> None:
    while relay.take_turn().has_more:
        pass


def consume(stream: "Stream", events: int) -> None:
    """Consume as the command does, and open each event."""
    from benchmarks.consumer.consumers import Opener  # noqa: PLC0415 (after the setup)
    from events.consumer.consumer import Consumer  # noqa: PLC0415
    from events.groups.ownership import Ownership, heartbeat_thread  # noqa: PLC0415
    from events.processes.limits import Limits  # noqa: PLC0415
    from events.processes.shutdown import Shutdown  # noqa: PLC0415

    ownership = Ownership("benchmark", "benchmark")
    with heartbeat_thread(ownership):
        Consumer(Opener(), stream, ownership, shutdown=Shutdown(), limits=Limits(events=events)).run()


def cost(place: Place, events: int, work: Callable[[], None]) -> Cost:
    """Do the work, and return what each event took."""
    before = spent(place)
    work()
    return Cost(*((after - earlier) / events for earlier, after in zip(before, spent(place), strict=True)))


def spent(place: Place) -> Cost:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    masters, replicas = (
        sum(sum(psutil.Process(server.process.pid).cpu_times()[:2]) for server in servers)
        for servers in (place.masters, place.replicas)
    )
    stats = [server.client.info("stats") for server in place.masters]
    sent, received = (
        sum(found[name] - found.get(name.replace("_net", "_net_repl"), 0) for found in stats)
        for name in ("total_net_input_bytes", "total_net_output_bytes")
    )
    return Cost((usage.ru_utime + usage.ru_stime) * MICRO, masters * MICRO, replicas * MICRO, sent, received)


def print_costs(events: int, costs: dict[tuple[str, str], list[Cost]]) -> None:
    table = Table(
        "work",
        "stream",
        title=f"{events:,} events of {PARTITIONS} partitions: microseconds of processors, and bytes, of one",
    )
    for column in ("ours", "masters", "replicas", "times", "sent", "received"):
        table.add_column(column, justify="right")
    for work in ("relay", "consumer"):
        medians = {name: Cost(*map(statistics.median, zip(*costs[work, name], strict=True))) for name in (ONE, MANY)}
        for name, found in medians.items():
            times = sum(found[:3]) / sum(medians[ONE][:3])
            processor, network = (f"{value:.1f}" for value in found[:3]), (f"{value:,.0f}" for value in found[3:])
            table.add_row(work, name, *processor, f"{times:.2f}", *network)
    Console().print(table)


if __name__ == "__main__":
    main()
