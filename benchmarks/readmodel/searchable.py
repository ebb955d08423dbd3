"""Measure the time from a cancellation's commit until a search finds it, and the part of it that the refresh explains.

    uv run python -m benchmarks.readmodel.searchable [--rate 100] [--seconds 30]

Two processes cancel tickets at a fixed rate, however long the one before took, and flush on commit. The relay and one
consumer of the read model run as processes of their own. Meanwhile this process sends Elasticsearch three requests in
turn:

- the documents that it waits for, by their ids, in real time: the moment when one is in the index;
- the number of canceled tickets, by a search, and their ids when there are more: the moment when one is found;
- the count of refreshes and the time that they took: the earliest moment when each can have begun.

Any document waits for the next refresh, which the consumer asks for, or up to a second for Elasticsearch's own: here
until the first refresh that began after the document was seen in the index. All other time is counted as beyond the
interval: the way into the index, the refresh itself and the search after it, and the delay that this process adds by
its own requests, which it prints. A document that misses the refresh that should show it counts one second more.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch
from rich.console import Console
from rich.table import Table

from benchmarks.readmodel.consistency import consuming
from benchmarks.relay.latency import running_relay
from benchmarks.servers import empty_servers, loaded_project
from readmodel.projection import VERSION_STEP

WRITERS = 2
WARM_UP_SECONDS = 5
STARTING_SECONDS = 5
"""Time for the writers to start."""
WATCHED_AT_ONCE = 32
FOUND_AT_ONCE = 1_000
PATIENCE_SECONDS = 60
VERSIONS = "docs._id,docs._version"
REFRESHES = "_all.primaries.refresh.external_*"
ISSUED_AT_ONCE = 500


class Refresh(NamedTuple):
    """The number of refreshes so far, their total time, and the time of the request that asked for both."""

    count: int
    seconds: float
    asked_at: float


class Seen(NamedTuple):
    """The times when each document was in the index, when each was found, and when each refresh began."""

    stored: dict[str, float]
    found: dict[str, float]
    refreshes: list[float]
    turns: list[float]
    """The duration of each turn of the three requests."""


class Way(NamedTuple):
    """The parts of one cancellation's way, in seconds."""

    into_index: float
    until_refresh: float
    until_found: float

    @property
    def beyond_refresh(self) -> float:
        return self.into_index + self.until_found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100, help="cancellations a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="duration of the measurement (default: %(default)s)")
    options = parser.parse_args()
    with loaded_project():
        empty_servers()
        with running_relay(), consuming():
            measure(options.rate, options.seconds)
        empty_servers()


def measure(rate: int, seconds: int) -> None:
    tickets = issue(rate * (WARM_UP_SECONDS + seconds))
    with (
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
    times = sorted(committed[ticket] for ticket in counted)
    print_ways(list(ways(counted, committed, seen)))
    print(f"Asked for {rate} cancellations a second, measured {len(counted) / (times[-1] - times[0]):.0f} a second.")
    print(f"Elasticsearch was asked every {statistics.median(seen.turns) * 1e3:.0f} ms; that delay is included.")


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
    """Asks Elasticsearch again and again which of the canceled tickets it has, and which a search finds."""

    def __init__(self, tickets: Sequence[str]) -> None:
        from django.conf import settings  # noqa: PLC0415 (after the setup)

        self._client = Elasticsearch(settings.ELASTICSEARCH_URL)
        self._alias = settings.READMODEL_ALIAS
        self._tickets = tickets

    def wait_for_all(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._has_all():
            if time.monotonic() > until:
                raise RuntimeError("the tickets that are issued don't come into the index")
            time.sleep(0.1)

    def _has_all(self) -> bool:
        try:
            return self._count() == len(self._tickets)
        except ApiError:  # The index does not exist yet, or was made just now.
            return False

    def watch(self, writing: Sequence[Future[Any]]) -> Seen:
        """Watch until all tickets are found."""
        seen = Seen({}, {}, [], [])
        refresh = self._refresh()
        until = None
        while len(seen.found) < len(self._tickets):
            started = time.perf_counter()
            refresh = self._note_refresh(refresh, seen)
            self._note_stored(seen)
            self._note_found(seen)
            seen.turns.append(time.perf_counter() - started)
            if all(writer.done() for writer in writing):
                until = until or started + PATIENCE_SECONDS
                if started > until:
                    raise RuntimeError(f"only {len(seen.found):,} of {len(self._tickets):,} cancellations are found")
        return seen

    def _note_refresh(self, before: Refresh, seen: Seen) -> Refresh:
        now = self._refresh()
        if now.count > before.count:
            # The earliest possible start: the refresh may have ended right after the request before this one.
            seen.refreshes.append(before.asked_at - (now.seconds - before.seconds))
        return now

    def _note_stored(self, seen: Seen) -> None:
        watched = [ticket for ticket in self._tickets if ticket not in seen.stored][:WATCHED_AT_ONCE]
        if not watched:
            return
        documents = self._client.mget(index=self._alias, ids=watched, source=False, filter_path=VERSIONS)["docs"]
        now = time.perf_counter()
        canceled = [document["_id"] for document in documents if document["_version"] > VERSION_STEP]
        seen.stored.update((ticket, now) for ticket in canceled)

    def _note_found(self, seen: Seen) -> None:
        if self._count("canceled") == len(seen.found):
            return
        hits = self._search("canceled", size=FOUND_AT_ONCE, sort="_seq_no:desc", source=False)["hits"]["hits"]
        now = time.perf_counter()
        seen.found.update((hit["_id"], now) for hit in hits if hit["_id"] not in seen.found)

    def _refresh(self) -> Refresh:
        asked_at = time.perf_counter()
        stats: Any = self._client.indices.stats(index=self._alias, metric="refresh", filter_path=REFRESHES)
        refreshes = stats["_all"]["primaries"]["refresh"]
        return Refresh(refreshes["external_total"], refreshes["external_total_time_in_millis"] / 1e3, asked_at)

    def _count(self, status: str = "issued") -> int:
        return int(self._search(status, size=0, track_total_hits=True)["hits"]["total"]["value"])

    def _search(self, status: str, **options: Any) -> Any:
        return self._client.search(index=self._alias, query={"term": {"status": status}}, **options)

    def close(self) -> None:
        self._client.close()


def ways(tickets: Sequence[str], committed: dict[str, float], seen: Seen) -> Iterator[Way]:
    for ticket in tickets:
        found = seen.found[ticket]
        stored = min(seen.stored.get(ticket, found), found)
        refreshed = min([found, *(began for began in seen.refreshes if began >= stored)])
        yield Way(stored - committed[ticket], refreshed - stored, found - refreshed)


def print_ways(found: Sequence[Way]) -> None:
    table = Table("from", "to", title=f"From a commit to the search, {len(found):,} cancellations")
    for column in ("p50, ms", "p99, ms"):
        table.add_column(column, justify="right")
    rows = (
        ("the commit", "the document in the index", [way.into_index for way in found]),
        ("that", "the next refresh", [way.until_refresh for way in found]),
        ("that", "a search that finds it", [way.until_found for way in found]),
        ("the commit", "a search that finds it", [sum(way) for way in found]),
        ("the same", "beyond the refresh interval", [way.beyond_refresh for way in found]),
    )
    for start, end, seconds in rows:
        hundredths = statistics.quantiles(seconds, n=100)
        table.add_row(start, end, f"{hundredths[49] * 1e3:.0f}", f"{hundredths[98] * 1e3:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
