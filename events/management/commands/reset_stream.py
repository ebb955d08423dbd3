"""Reset a diverged stream, so that it is filled from the log again."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError

from events.checks import TAG
from events.exceptions import PartitionsMissing, RetryLater, StreamUnavailable
from events.management.command import BaseCommand
from events.management.dialog import confirm
from events.operations.reset_stream import (
    GroupPlan,
    PartitionPlan,
    ResetPlan,
    ResetRefused,
    execute_reset,
    plan_reset,
)
from events.stream.interface import open_stream


class Command(BaseCommand):
    help = (
        "Delete a stream that has diverged from the log, so that the relay fills it again, and create the consumer "
        "groups again at their checkpoints. It first shows what it will do, and asks. If the stream has events that "
        "are not in the log, the log was restored from a backup: then the read models are emptied too, and fed from "
        "the start of the log. Relays and consumers may run meanwhile."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--log-was-restored",
            action="store_true",
            help="feed the read models again from the start of the log: for a restored backup that the stream can't "
            "show, because Redis was wiped too",
        )

    def handle(self, *, yes: bool, log_was_restored: bool, **_: Any) -> None:
        with closing(open_stream()) as stream:
            try:
                plan = plan_reset(stream, log_was_restored=log_was_restored)
                for line in _sentences(plan):
                    self.stdout.write(line)
                if not yes:
                    confirm()
                execute_reset(stream, plan)
            except (PartitionsMissing, ResetRefused) as error:
                raise CommandError(str(error)) from error
            except (RetryLater, StreamUnavailable) as error:
                raise CommandError(f"the reset is not finished, run it again: {error}") from error
        self.stdout.write("The stream is reset; relay_events fills it.")


def _sentences(plan: ResetPlan) -> Iterator[str]:
    if plan.log_was_restored:
        yield "The log was restored from a backup: it has lost events that the stream or its readers had."
    for partition in plan.partitions:
        yield from _about_partition(partition)
    for group in plan.groups:
        yield _about_group(group, log_was_restored=plan.log_was_restored)


def _about_partition(plan: PartitionPlan) -> Iterator[str]:
    yield f"Partition {plan.partition} has {'diverged: ' + plan.divergence if plan.divergence else 'not diverged'}."
    if plan.lost_events:
        yield f"  The last {plan.lost_events:,} events of the stream are not in the log."
    what = "something that is not a stream" if plan.entries is None else f"{plan.entries:,} entries"
    yield f"  The key {plan.key} is deleted, with {what} and its groups."
    yield f"  relay_events sends {plan.sent_again:,} events again, up to position {plan.log_position:,}."


def _about_group(plan: GroupPlan, *, log_was_restored: bool) -> str:
    continues = f"  The group {plan.group} is created again in partition {plan.partition}, at {plan.checkpoint:,}"
    if plan.forgets:
        return f"{continues}; what it has written is deleted, and written again from the start of the log."
    if log_was_restored:
        return f"{continues}; what it did for lost events can't be undone."
    return f"{continues}."
