"""Define the families of metrics: type, labels, documentation."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

GROUP_LABELS = ("group", "target", "partition")


class Family(NamedTuple):
    """A gauge, or a counter if its name ends in `_total`."""

    labels: tuple[str, ...]
    documentation: str


FAMILIES: Mapping[str, Family] = {
    "metrics_source_up": Family(("source",), "Whether this server answered; if not, its figures are missing here."),
    "events_log_position": Family(("partition",), "The last position of the log."),
    "events_log_unflushed_events": Family(("partition",), "Committed events that have no position yet."),
    "events_log_unflushed_seconds": Family(
        ("partition",), "Age of the oldest event that has no position yet, 0 if there is none."
    ),
    "events_stream_position": Family(("partition",), "The position of the stream's last entry."),
    "events_stream_entries": Family(("partition",), "Entries of the stream."),
    "events_stream_bytes": Family(("partition",), "Memory that the stream takes, if Redis tells it."),
    "events_stream_diverged": Family(("partition",), "Whether the log was restored, and its stream not yet reset."),
    "events_stream_foreign_entries_total": Family(("partition",), "Entries that were found not to be ours."),
    "events_stream_repairs_total": Family(("partition",), "How often foreign entries were taken away."),
    "events_group_checkpoint_position": Family(
        GROUP_LABELS, "The position up to which all events are handled or parked."
    ),
    "events_group_lag_events": Family(GROUP_LABELS, "Positions that the group has not handled yet."),
    "events_group_lag_seconds": Family(GROUP_LABELS, "Age of the event to be handled next, 0 if there is none."),
    "events_group_dead_letters": Family(GROUP_LABELS, "Open dead letters."),
    "events_group_owned": Family(GROUP_LABELS, "Whether a living process owns the partition for the group."),
    "events_group_handler_silent_seconds": Family(
        GROUP_LABELS, "How long the owner's handler has made no progress, 0 while none is called."
    ),
    "events_group_handler_hangs_total": Family(
        GROUP_LABELS, "Processes that were ended because the handler made no progress."
    ),
    "events_group_paused": Family(("group",), "Whether somebody has paused the group."),
    "tickets_jobs_unfinished": Family((), "Jobs that wait for a worker, or that one works on."),
    "tickets_jobs_silent_seconds": Family(
        (), "How long no worker has done anything for the unfinished job that waits longest, 0 if there is none."
    ),
    "readmodel_behind_seconds": Family(
        (), "Age of the oldest event that the searched tickets lack, 0 if they lack none."
    ),
    "readmodel_index_info": Family(("target", "index", "projection", "searched"), "1 for each kept index."),
    "readmodel_wrong_documents_total": Family(
        ("projection", "kind", "repaired"), "Documents that were found to differ from the log."
    ),
}


class Readings:
    """The figures of one answer to Prometheus."""

    def __init__(self) -> None:
        self._metrics = {name: _metric(name, family) for name, family in FAMILIES.items()}

    def add(self, name: str, value: float | None, **labels: object) -> None:
        """Add a value with its labels; ignore None, which means unknown."""
        if value is not None:
            self._metrics[name].add_metric([_text(labels[label]) for label in FAMILIES[name].labels], value)

    def __iter__(self) -> Iterator[Metric]:
        """Yield the families that have a value."""
        return (metric for metric in self._metrics.values() if metric.samples)


def _metric(name: str, family: Family) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    return kind(name, family.documentation, labels=family.labels)


def _text(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
