"""Measure the time from a cancellation's commit until a search finds it, and what the refreshes for that cost.

    uv run python -m benchmarks.readmodel.searchable [--rate 100] [--seconds 30] [--saturated]

Two processes cancel tickets at a fixed rate, however long the one before took, and flush on commit: what web workers
do, without HTTP. Each cancellation records two events, which become four documents. The relay and one consumer of the
read model run as processes of their own; the consumer notes when Elasticsearch has answered for each ticket. Meanwhile
this process searches for the newest canceled tickets, with a pause after each search, which is included in the figures.

With --saturated, the consumer's throughput with its own refreshes and without them is compared instead.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from itertools import pairwise
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch
from rich.console import Console
from rich.table import Table

from benchmarks.consumer.timed import Handled, timed_consumer
from benchmarks.relay.latency import running_relay
from benchmarks.servers import empty_servers, loaded_project

WRITERS = 2
WARM_UP_SECONDS = 5
STARTING_SECONDS = 5
"""Time for the writers to start."""
PAUSE_SECONDS = 0.01
FOUND_USUALLY = 50
FOUND_AT_MOST = 1_000
PATIENCE_SECONDS = 60
ISSUED_AT_ONCE = 500


class Seen(NamedTuple):
    """The time when each cancellation was found, and how long each search took with the pause after it."""

    found: dict[str, float]
    turns: list[float]


class Way(NamedTuple):
    """The parts of one cancellation's way, in seconds."""

    into_consumer: float
    into_index: float
    until_found: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100, help="cancellations a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="duration of the measurement (default: %(default)s)")
    parser.add_argument("--saturated", action="store_true", help="compare the throughput with and without refreshes")
    options = parser.parse_args()
    with loaded_project():
        empty_servers()
        if options.saturated:
            compare_throughput()
            return
        with running_relay():
            measure(options.rate, options.seconds)
        empty_servers()


def compare_throughput() -> None:
    from benchmarks.consumer import consume, consumers  # noqa: PLC0415 (after the setup)

    consumers.fill(consume.EVENTS, tickets=consume.EVENTS)
    consume.compare("Into Elasticsearch, events/s", consumers.with_and_without_refresh(), reference="without refreshes")


def measure(rate: int, seconds: int) -> None:
    tickets = issue(rate * (WARM_UP_SECONDS + seconds))
    with (
        timed_consumer() as handled,
        closing(Watcher(tickets)) as watcher,
        ProcessPoolExecutor(WRITERS, multiprocessing.get_context("spawn")) as pool,
    ):
        watcher.wait_for_all()
        begin_at = time.perf_counter() + STARTING_SECONDS
        writing = [
            pool.submit(cancel, tickets[n::WRITERS], begin_at + n / rate, WRITERS / rate) for n in range(WRITERS)
        ]
        seen = watcher.watch(writing)
        committed = {ticket: at for writer in writing for ticket, at in writer.result().items()}
    counted = tickets[rate * WARM_UP_SECONDS :]
    print_ways([way_of(ticket, committed, handled, seen) for ticket in counted])
    times = sorted(committed[ticket] for ticket in counted)
    print(f"Asked for {rate} cancellations a second, measured {len(counted) / (times[-1] - times[0]):.0f} a second.")
    print(f"A search was sent every {statistics.median(seen.turns) * 1e3:.0f} ms; that delay is included.")


def issue(tickets: int) -> list[str]:
    from benchmarks.recording.saves import details  # noqa: PLC0415 (after the setup)
    from tickets.models import Ticket  # noqa: PLC0415

    issued: list[Ticket] = []
    for start in range(0, tickets, ISSUED_AT_ONCE):
        issued += Ticket.issue_many(details(number) for number in range(start, min(start + ISSUED_AT_ONCE, tickets)))
    return [str(ticket.id) for ticket in issued]


def cancel(tickets: Sequence[str], begin_at: float, pause_seconds: float) -> dict[str, float]:
    """Cancel one ticket after the other, in a process of its own; return the time of each commit."""
    import django  # noqa: PLC0415 (this is another process)

    django.setup()
    from django.db import connections, transaction  # noqa: PLC0415 (after the setup)

    from events import unit_of_work  # noqa: PLC0415
    from tickets.models import Ticket  # noqa: PLC0415

    committed: dict[str, float] = {}
    for number, ticket in enumerate(tickets):
        time.sleep(max(0.0, begin_at + number * pause_seconds - time.perf_counter()))
        with unit_of_work():
            # Registered before the flush's callback, so it runs right after the commit, before anything is sent.
            transaction.on_commit(lambda ticket=ticket: committed.__setitem__(ticket, time.perf_counter()))
            Ticket.objects.get(id=ticket).cancel()
    connections.close_all()
    return committed


class Watcher:
    """Searches again and again for the newest of the canceled tickets."""

    def __init__(self, tickets: Sequence[str]) -> None:
        from django.conf import settings  # noqa: PLC0415 (after the setup)

        self._client = Elasticsearch(settings.ELASTICSEARCH_URL)
        self._alias = settings.READMODEL_ALIAS
        self._tickets = frozenset(tickets)

    def wait_for_all(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._has_all():
            if time.monotonic() > until:
                raise RuntimeError("the tickets that are issued don't come into the index")
            time.sleep(0.1)

    def _has_all(self) -> bool:
        try:
            found = self._search("issued", size=0, track_total_hits=True)
        except ApiError:  # The index does not exist yet, or was made just now.
            return False
        return int(found["hits"]["total"]["value"]) == len(self._tickets)

    def watch(self, writing: Sequence[Future[Any]]) -> Seen:
        """Watch until all tickets are found."""
        seen = Seen({}, [])
        until = None
        while len(seen.found) < len(self._tickets):
            started = time.perf_counter()
            self._note_found(seen)
            time.sleep(PAUSE_SECONDS)
            seen.turns.append(time.perf_counter() - started)
            if all(writer.done() for writer in writing):
                until = until or started + PATIENCE_SECONDS
                if started > until:
                    raise RuntimeError(f"only {len(seen.found):,} of {len(self._tickets):,} cancellations are found")
        return seen

    def _note_found(self, seen: Seen) -> None:
        new = self._newest(FOUND_USUALLY) - seen.found.keys()
        if len(new) == FOUND_USUALLY:  # There may be more.
            new = self._newest(FOUND_AT_MOST) - seen.found.keys()
        seen.found.update(dict.fromkeys(new, time.perf_counter()))

    def _newest(self, number: int) -> set[str]:
        found = self._search("canceled", size=number, sort="_seq_no:desc", source=False, track_total_hits=False)
        return {hit["_id"] for hit in found["hits"]["hits"]}

    def _search(self, status: str, **options: Any) -> Any:
        return self._client.search(index=self._alias, query={"term": {"status": status}}, **options)

    def close(self) -> None:
        self._client.close()


def way_of(ticket: str, committed: Mapping[str, float], handled: Mapping[str, Handled], seen: Seen) -> Way:
    times = committed[ticket], handled[ticket].begun_at, handled[ticket].answered_at, seen.found[ticket]
    return Way(*(end - start for start, end in pairwise(times)))


def print_ways(found: Sequence[Way]) -> None:
    table = Table("from", "to", title=f"From a commit to the search, {len(found):,} cancellations")
    for column in ("p50, ms", "p99, ms"):
        table.add_column(column, justify="right")
    rows = (
        ("the commit", "the consumer has the event", [way.into_consumer for way in found]),
        ("that", "Elasticsearch has answered", [way.into_index for way in found]),
        ("that", "a search that finds it", [way.until_found for way in found]),
        ("the commit", "a search that finds it", [sum(way) for way in found]),
    )
    for start, end, seconds in rows:
        hundredths = statistics.quantiles(seconds, n=100)
        table.add_row(start, end, f"{hundredths[49] * 1e3:.0f}", f"{hundredths[98] * 1e3:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
