"""Measure what a long run must keep flat: memory, descriptors, connections, sizes and latencies."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from statistics import median, quantiles
from threading import Event, Thread
from typing import NamedTuple

import httpx
import psutil
from django.conf import settings
from django.db import Error, connection
from elasticsearch import ApiError, TransportError

from tests.faults.driver.installation import Installation
from tests.faults.driver.load import FIELDS, Load
from tests.faults.driver.processes import Program

PROBE_SECONDS = 1.0
LONGEST_PROBE_SECONDS = 30.0
SIZES = """
SELECT pg_total_relation_size('events_log'), pg_total_relation_size('events_position'),
  pg_total_relation_size('events_waiting') + pg_total_relation_size('events_checkpoint')
  + pg_total_relation_size('events_lease') + pg_total_relation_size('events_member'),
  (SELECT count(*) FROM events_log), (SELECT count(*) FROM tickets_ticket),
  (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
"""
WAL = "SELECT sum(size) FROM pg_ls_waldir()"
MEGABYTE = 1_000_000

type Sample = Mapping[str, float]


class Probe:
    """Issues a ticket each second, and measures how long the index takes to have its document."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.seconds: list[float] = []
        self._must_stop = Event()
        self._thread = Thread(target=self._run, name="probe")

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._must_stop.set()
            self._thread.join()

    def take(self) -> list[float]:
        taken, self.seconds = self.seconds, []
        return taken

    def _run(self) -> None:
        while not self._must_stop.wait(PROBE_SECONDS):
            with suppress(httpx.TransportError, ApiError, TransportError):
                answer = self.installation.client.post("/api/tickets/", json=FIELDS)
                if answer.is_success:
                    self.seconds.append(self._wait_for(answer.json()["id"]))

    def _wait_for(self, ticket: str) -> float:
        began = time.monotonic()
        client, alias = self.installation.elasticsearch, settings.READMODEL_ALIAS
        while not client.exists(index=alias, id=ticket) and time.monotonic() < began + LONGEST_PROBE_SECONDS:
            time.sleep(0.005)
        return time.monotonic() - began


class Latencies(NamedTuple):
    """The latencies since the last sample, in seconds."""

    answers: Sequence[float]
    webhooks: Sequence[float]
    documents: Sequence[float]


def latencies_since(load: Load, probe: Probe, installation: Installation) -> Latencies:
    """Take what was measured since the last call."""
    answers, load.latencies = load.latencies, []
    canceled, load.canceled_at = load.canceled_at, {}
    calls = list(installation.servers.gate.calls)
    arrived = {call.ticket: call.at for call in reversed(calls)}  # A correction sends a later message of the ticket.
    installation.servers.gate.calls.clear()
    webhooks = [max(arrived[ticket] - at, 0.0) for ticket, at in canceled.items() if ticket in arrived]
    return Latencies(answers, webhooks, probe.take())


def sample(installation: Installation, found: Latencies) -> Sample:
    """Measure everything once."""
    values: dict[str, float] = {}
    for program in installation.programs:
        if program is not installation.rebuild:
            values |= _of_program(program)
    values |= _of_database(installation) | _of_stream(installation) | _of_index(installation)
    for name, seconds in zip(("answer", "webhook after its commit", "document after its commit"), found, strict=True):
        if seconds:
            values[f"{name}, median (ms)"] = 1000 * median(seconds)
            values[f"{name}, p99 (ms)"] = 1000 * quantiles([*seconds, max(seconds)], n=100)[-1]
    return values


def _of_program(program: Program) -> dict[str, float]:
    memory, descriptors = 0.0, 0.0
    with suppress(psutil.Error):
        main = psutil.Process(program.pid)
        for process in [main, *main.children(recursive=True)]:
            memory += process.memory_full_info().uss
            descriptors += process.num_fds()
    return {f"memory of {program.name} (MB)": memory / MEGABYTE, f"descriptors of {program.name}": descriptors}


def _of_database(installation: Installation) -> dict[str, float]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(SIZES)
            log, positions, rest, events, tickets, sessions = map(float, cursor.fetchone())
    except Error:
        return {}
    finally:
        connection.close()
    return {
        "database sessions": sessions,
        "log, for each event (kB)": log / max(events, 1) / 1000,
        "positions, for each event (bytes)": positions / max(events, 1),
        "events, for each ticket": events / max(tickets, 1),
        "other tables of the events (MB)": rest / MEGABYTE,
        "WAL (MB)": float(installation.servers.database.node.execute(WAL)[0]) / MEGABYTE,
    }


def _of_stream(installation: Installation) -> dict[str, float]:
    client = installation.servers.valkey.client
    memory = float(client.memory_usage("tickets", samples=0) or 0)
    return {"stream (entries)": float(client.xlen("tickets")), "stream (MB)": memory / MEGABYTE}


def _of_index(installation: Installation) -> dict[str, float]:
    stats = installation.elasticsearch.indices.stats(index=settings.READMODEL_ALIAS, metric=["store", "docs"])
    primaries = stats["_all"]["primaries"]
    return {
        "index, for each document (kB)": primaries["store"]["size_in_bytes"] / max(primaries["docs"]["count"], 1) / 1000
    }
