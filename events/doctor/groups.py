"""How the consumer groups are."""

from collections.abc import Iterator

from django.db.models import Count

from events.conf import conf
from events.doctor.finding import Finding
from events.models import Checkpoint, DeadLetter
from events.status import status
from events.stream import Stream

LAG_PATIENCE_SECONDS = 30


def check_groups_run(_stream: Stream) -> Iterator[Finding]:
    """A declared group that never ran has no checkpoint; compaction waits for it."""
    ran = set(Checkpoint.objects.values_list("group", flat=True))
    for group in sorted(conf.subscribers):
        remedy = f"run consume_events {group}, or take it out of EVENTS_SUBSCRIBERS" * (group not in ran)
        yield Finding("group", f"{group} {'never ran' if remedy else 'has run'}", remedy)


def check_lag(stream: Stream) -> Iterator[Finding]:
    """Events wait for a group whose process is down, or whose target is."""
    for partition in status(stream):
        for group in partition.groups:
            where = f"{group.group} {group.target}".strip() + f", partition {partition.partition}"
            remedy = f"run consume_events {group.group}; its log says what hinders it"
            yield Finding(
                "lag",
                f"{where}: {group.lag:,} events, the oldest {group.lag_seconds:,.0f} s",
                remedy * (group.lag_seconds > LAG_PATIENCE_SECONDS),
            )


def check_dead_letters(_stream: Stream) -> Iterator[Finding]:
    """Events that a group could not handle wait for somebody."""
    counts = DeadLetter.objects.values("group").annotate(letters=Count("id")).order_by("group")
    found = dict(counts.values_list("group", "letters"))
    for group, letters in found.items():
        yield Finding("dead letters", f"{group} has parked {letters:,}", "read their reasons in the admin")
    if not found:
        yield Finding("dead letters", "none")


GROUP_CHECKS = (check_groups_run, check_lag, check_dead_letters)
