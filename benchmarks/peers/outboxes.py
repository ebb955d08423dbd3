"""Compare the relay with other outboxes for Django, each of which sends waiting events to a Redis stream.

    uv run python -m benchmarks peers.outboxes

Each stores the same events, and sends them as its documentation tells a relay to do. All run on the same Django, which
is the newest that all of them allow.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

import redis
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_log, loaded_project

EVENTS = 500
ROUNDS = 3
NOTE = "x" * 400


class Peer(NamedTuple):
    """An outbox: a function that fills it with waiting events, and one that sends them all."""

    name: str
    fill: Callable[[], object]
    relay: Callable[[], object]


def main() -> None:
    with loaded_project("benchmarks.peers.settings"):
        measure()


def measure() -> None:
    from benchmarks.peers.sinks import client  # noqa: PLC0415 (after the setup)

    rates: dict[str, list[float]] = {}
    with closing(client()) as server:
        for _ in range(ROUNDS):
            for peer in (ours(), jaiminho(), domain_events(), reliable_outbox()):
                server.flushall()
                rates.setdefault(peer.name, []).append(rate(peer, server))
    print_rates(rates)


def rate(peer: Peer, server: "redis.Redis[bytes]") -> float:
    """Return events per second; fail if an event did not arrive."""
    peer.fill()
    before = count_entries(server)
    started = time.perf_counter()
    peer.relay()
    seconds = time.perf_counter() - started
    arrived = count_entries(server) - before
    if arrived < EVENTS:
        raise RuntimeError(f"{peer.name} sent {arrived} of {EVENTS} events")
    return EVENTS / seconds


def count_entries(server: "redis.Redis[bytes]") -> int:
    return sum(int(server.xlen(key)) for key in server.scan_iter(_type="stream"))


def ours() -> Peer:
    from events import record, unit_of_work  # noqa: PLC0415 (after the setup)
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415
    from tests.things import ThingMade  # noqa: PLC0415

    def fill() -> None:
        empty_log()
        with unit_of_work() as unit:
            record(*(ThingMade(name=str(number), note=NOTE) for number in range(EVENTS)))
            unit.unflushed.clear()  # They wait for the relay, which is measured.

    stream = open_stream()
    return Peer("this project", fill, lambda: sweep(stream, 0))


def jaiminho() -> Peer:
    from jaiminho.relayer import EventRelayer  # noqa: PLC0415
    from jaiminho.send import save_to_outbox  # noqa: PLC0415

    from benchmarks.peers.sinks import send  # noqa: PLC0415

    store = save_to_outbox(send)

    def fill() -> None:
        for number in range(EVENTS):
            store({"id": str(number), "note": NOTE})

    return Peer("django-jaiminho", fill, EventRelayer().relay)


def domain_events() -> Peer:
    from django.db import transaction  # noqa: PLC0415
    from django_domain_events import fire  # noqa: PLC0415
    from django_domain_events.delivery.drain_outbox import drain_outbox  # noqa: PLC0415

    from benchmarks.peers.sinks import Moved  # noqa: PLC0415

    def fill() -> None:
        for number in range(EVENTS):
            with transaction.atomic():
                fire(Moved(str(number), NOTE))

    return Peer("django-domain-events", fill, drain_outbox)


def reliable_outbox() -> Peer:
    from django.db import transaction  # noqa: PLC0415
    from reliable_outbox import publish  # noqa: PLC0415
    from reliable_outbox.worker import Worker  # noqa: PLC0415

    def fill() -> None:
        for number in range(EVENTS):
            with transaction.atomic():
                publish("thing.made", {"id": str(number), "note": NOTE}, key=str(number))

    return Peer("django-reliable-outbox", fill, lambda: Worker(batch_size=500).run(burst=True))


def print_rates(rates: dict[str, list[float]]) -> None:
    table = Table("outbox", "events/s, median", "ours is faster by", title=f"Relaying {EVENTS:,} waiting events")
    medians = {name: statistics.median(measured) for name, measured in rates.items()}
    for name, median in medians.items():
        table.add_row(name, f"{median:,.0f}", f"{medians['this project'] / median:.1f} times")
    Console().print(table)


if __name__ == "__main__":
    main()
