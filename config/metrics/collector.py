"""Measure when Prometheus asks, with few queries. Figures of a server that does not answer are left out."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import product

from django.db import DatabaseError
from django.db.models import Min
from django.utils import timezone
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.metrics.families import Readings
from events.exceptions import RetryLater, StreamUnavailable, TargetLost
from events.models import Partition, WaitingEntry
from events.operations.status import GroupStatus, PartitionStatus, status
from events.stream.interface import open_stream
from readmodel.consistency.lag import lag_seconds
from readmodel.index.document_index import shared_index
from readmodel.models import WrongDocuments
from readmodel.projection import projections
from readmodel.verification.difference import Kind
from tickets.models import Job

SCRAPE_TIMEOUT_SECONDS = 1.0


class ServiceCollector(Collector):
    """Measure the log, the stream, the groups, the read model and the jobs."""

    def collect(self) -> Iterator[Metric]:
        readings = Readings()
        with _answering(readings, "database", DatabaseError):
            with _answering(readings, "stream", StreamUnavailable):
                _measure_events(readings)
            with _answering(readings, "elasticsearch", RetryLater, TargetLost):
                _measure_indices(readings)
            _measure_waiting(readings)
            _measure_repairs(readings)
            _measure_jobs(readings)
        yield from readings


@contextmanager
def _answering(readings: Readings, source: str, *errors: type[Exception]) -> Generator[None]:
    """Record whether the server answered everything that the block asks it."""
    try:
        yield
    except errors:
        readings.add("metrics_source_up", 0, source=source)
    else:
        readings.add("metrics_source_up", 1, source=source)


def _measure_events(readings: Readings) -> None:
    """Measure what the database knows, then raise StreamUnavailable if the stream did not answer."""
    with closing(open_stream(timeout_seconds=SCRAPE_TIMEOUT_SECONDS)) as stream:
        partitions = status(stream)
    for partition in partitions:
        _measure_partition(readings, partition)
        for group in partition.groups:
            _measure_group(readings, partition.partition, group)
    paused = {group.group: group.is_paused for partition in partitions for group in partition.groups}
    for name, is_paused in paused.items():
        readings.add("events_group_paused", is_paused, group=name)
    if errors := [partition.stream_error for partition in partitions if partition.stream_error]:
        raise StreamUnavailable(errors[0])


def _measure_waiting(readings: Readings) -> None:
    """Measure how long events wait for a position; no work of a relay or a request takes long."""
    waiting = WaitingEntry.objects.values("partition").annotate(oldest=Min("entry__time"))
    oldest = dict(waiting.values_list("partition", "oldest"))
    now = timezone.now()
    for partition in Partition.objects.values_list("number", flat=True):
        seconds = max(0.0, (now - oldest[partition]).total_seconds()) if partition in oldest else 0.0
        readings.add("events_log_unflushed_seconds", seconds, partition=partition)


def _measure_partition(readings: Readings, found: PartitionStatus) -> None:
    for name, value in {
        "events_log_position": found.last_position,
        "events_log_unflushed_events": found.without_position,
        "events_stream_position": found.stream_position,
        "events_stream_entries": found.stream_length,
        "events_stream_bytes": found.stream_bytes,
        "events_stream_diverged": bool(found.divergence),
        "events_stream_foreign_entries_total": found.foreign_entries,
        "events_stream_repairs_total": found.repairs,
    }.items():
        readings.add(name, value, partition=found.partition)


def _measure_group(readings: Readings, partition: int, found: GroupStatus) -> None:
    for name, value in {
        "events_group_checkpoint_position": found.checkpoint,
        "events_group_lag_events": found.lag,
        "events_group_lag_seconds": found.lag_seconds,
        "events_group_dead_letters": found.dead_letters,
        "events_group_handler_silent_seconds": found.owner.silent_seconds if found.owner else 0.0,
        "events_group_handler_hangs_total": found.hangs,
        "events_group_owned": found.owner is not None and not found.owner.is_expired,
    }.items():
        readings.add(name, value, group=found.group, target=found.target, partition=partition)


def _measure_indices(readings: Readings) -> None:
    """Name the kept indices, and measure how far the searched tickets are behind; raise as `Indices.kept` does."""
    for projection in projections():
        indices = shared_index(projection).indices
        searched = indices.searched()
        for kept in indices.kept():
            labels = {"target": kept.uuid, "index": kept.name, "projection": projection.name}
            readings.add("readmodel_index_info", 1, **labels, searched=kept == searched)
        if searched and projection == projections()[0]:
            readings.add("readmodel_behind_seconds", lag_seconds(searched.uuid))


def _measure_repairs(readings: Readings) -> None:
    """Measure 0 too: Prometheus does not take the first finding for an increase otherwise."""
    known = product([projection.name for projection in projections()], Kind, (True, False))
    found = {(row.projection, row.kind, row.is_repaired): row.number for row in WrongDocuments.objects.all()}
    for projection, kind, is_repaired in dict.fromkeys([*known, *found]):
        labels = {"projection": projection, "kind": kind, "repaired": is_repaired}
        readings.add("readmodel_wrong_documents_total", found.get((projection, kind, is_repaired), 0), **labels)


def _measure_jobs(readings: Readings) -> None:
    readings.add("tickets_jobs_unfinished", Job.objects.unfinished().count())
    readings.add("tickets_jobs_silent_seconds", Job.objects.silent_seconds())
