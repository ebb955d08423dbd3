"""Check the state of the consumer groups."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count
from django.db.models.functions import Now

from events import log
from events.conf import conf
from events.exceptions import RetryLater
from events.groups import checkpoint
from events.groups.members import GroupMembers, members_of_groups
from events.groups.ownership import RETRYING
from events.models import DeadLetter, Lease
from events.operations.doctor.finding import NO_ANSWER, Finding
from events.operations.status import each_status
from events.stream.interface import Stream
from events.subscriber import Subscriber, load_subscriber

LAG_PATIENCE_SECONDS = 30
LEASE_PATIENCE_SECONDS = 5
SILENCE_PATIENCE_SECONDS = 30
REMEDY_OF_TARGET = "start it, or correct its address"


def check_groups_run() -> Iterator[Finding]:
    """Each declared group runs. One that never ran has no checkpoint, and holds compaction back."""
    ran = checkpoint.groups()
    members = members_of_groups()
    for group in sorted(conf.subscribers):
        if group in ran:
            yield _about_group(group, members[group])
        else:
            remedy = f"run consume_events {group}, or remove it from EVENTS_SUBSCRIBERS"
            yield Finding("group", f"{group} never ran", remedy, "no-consumer")


def _about_group(group: str, members: GroupMembers) -> Finding:
    if members.is_paused:
        return Finding("group", f"{group} is paused", f"run manage.py resume_consumers {group}", "group-is-paused")
    if not members.living:
        return Finding("group", f"no process of {group} runs", f"run consume_events {group}", "no-consumer")
    return Finding("group", f"{group} has living processes: {len(members.living)}")


def check_retrying() -> Iterator[Finding]:
    """A process that fails tries again for ever, so an operator may have to repair the cause."""
    for group, members in sorted(members_of_groups().items()):
        for member in members.living:
            if member.state == RETRYING:
                next_attempt = f", next at {member.retry_at:%H:%M:%S%z}" if member.retry_at else ""
                found = f"{group} {member.id} is retrying{next_attempt}: {member.error}"
                remedy = "repair what the error names; then the process goes on by itself"
                yield Finding("process", found, remedy, "handlers-fail")


def check_hangs() -> Iterator[Finding]:
    """A process whose handler makes no progress is ended; the event that hangs is parked after a few attempts."""
    for group, members in sorted(members_of_groups().items()):
        for member in members.living:
            if member.silent_seconds >= SILENCE_PATIENCE_SECONDS:
                found = f"{group} {member.id}: its handler has made no progress for {member.silent_seconds:.0f} s"
                remedy = f"see what it waits for; after {conf.handler_seconds:g} s its process is ended"
                yield Finding("handler", found, remedy, "handler-is-silent")
    for hung in checkpoint.with_a_hung_handler():
        yield Finding(
            "handler",
            f"{f'{hung.group} {hung.target}'.strip()}, partition {hung.partition}: a handler hung with an event from "
            f"{hung.position + 1:,} to {hung.hung_to:,}; hangs so far: {hung.hangs:,}",
            f"see in the log of consume_events {hung.group} where; the event is parked after a few attempts",
            "handlers-hang",
        )


def check_target(group: str) -> Iterator[Finding]:
    """The targets of the group exist, and fit this release.

    The call loads the subscriber, and with it the client of its server, which takes seconds on a busy machine. Only
    the iteration asks the server.
    """
    try:
        return _examine(group, load_subscriber(group))
    except ImproperlyConfigured as error:
        return iter([_misconfigured(group, error)])


def _examine(group: str, subscriber: Subscriber) -> Iterator[Finding]:
    try:
        with closing(subscriber):
            for found, remedy in subscriber.examine():
                yield Finding("target", f"{group}: {found}", remedy, "index-is-not-right")
    except RetryLater as error:
        yield Finding("target", f"{group}: {error}", REMEDY_OF_TARGET, NO_ANSWER)
    except ImproperlyConfigured as error:
        yield _misconfigured(group, error)


def _misconfigured(group: str, error: ImproperlyConfigured) -> Finding:
    return Finding("target", f"{group}: {error}", "correct that setting", "setting-is-wrong")


def check_leases() -> Iterator[Finding]:
    """A partition whose owner is gone is taken over within seconds by another process of the group."""
    members = members_of_groups()
    behind = checkpoint.behind_the_log()
    unowned = Lease.objects.filter(expires_at__lt=Now() - timedelta(seconds=LEASE_PATIENCE_SECONDS))
    for lease in unowned.order_by("group", "partition"):
        found = members[lease.group]
        if found.living and not found.is_paused and (lease.group, lease.partition) in behind:
            yield Finding(
                "lease",
                f"{lease.group}, partition {lease.partition}: events wait, and no process has taken it since "
                f"{lease.expires_at:%Y-%m-%d %H:%M:%S%z}",
                f"run manage.py stop_consumers {lease.group} and let the supervisor start fresh processes; "
                "the logs of the old ones say why they did not take it",
                "partition-is-not-taken",
            )


def check_checkpoints() -> Iterator[Finding]:
    """A checkpoint beyond the log's end would skip the next events; it comes from a restored backup."""
    for ahead in checkpoint.ahead_of_the_log():
        last = log.last_position(ahead.partition)
        yield Finding(
            "checkpoint",
            f"{f'{ahead.group} {ahead.target}'.strip()}, partition {ahead.partition}: at {ahead.position:,}, "
            f"but the log ends at {last:,}",
            "run manage.py reset_stream --log-was-restored if a backup was restored, otherwise "
            f"manage.py reset_group {ahead.group} --partition {ahead.partition} --to {last}",
            "checkpoint-is-ahead",
        )


def check_lag(stream: Stream) -> Iterator[Finding]:
    """Events wait long if a group's process or target is down.

    One look is enough: how long the oldest has waited tells more than whether the lag is growing.
    """
    for partition in each_status(stream):
        for group in partition.groups:
            where = f"{group.group} {group.target}".strip() + f", partition {partition.partition}"
            remedy = f"run consume_events {group.group}; if it runs, event_status and its log say what it waits for"
            yield Finding(
                "lag",
                f"{where}: {group.lag:,} events, the oldest {group.lag_seconds:,.0f} s",
                remedy * (group.lag_seconds > LAG_PATIENCE_SECONDS),
                "events-are-late",
            )


def check_dead_letters() -> Iterator[Finding]:
    """Events that a group could not handle wait for an operator."""
    still_open = DeadLetter.objects.filter(state__in=DeadLetter.OPEN)
    counts = still_open.values("group").annotate(letters=Count("id")).order_by("group")
    found = dict(counts.values_list("group", "letters"))
    for group, letters in found.items():
        remedy = "see why with manage.py dead_letters list, then retry, edit or discard them"
        yield Finding("dead letters", f"{group} has {letters:,} open", remedy, "dead-letters")
    if not found:
        yield Finding("dead letters", "none is open")


GROUP_CHECKS = (check_groups_run, check_retrying, check_hangs, check_leases, check_checkpoints, check_dead_letters)
