"""Let a consumer group repeat events, or skip them."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from events.checks import TAG
from events.exceptions import EventError
from events.management.arguments import age, number
from events.management.command import BaseCommand
from events.management.control import declared_group
from events.management.dialog import confirm
from events.operations.reset_group import Destination, Move, ReplayPlan, ReplayRefused, execute_replay, plan_replay
from events.texts.numbers import WHOLE
from events.texts.times import in_utc


class Command(BaseCommand):
    help = (
        "Set a group's checkpoints back, so that it handles events again, or forward, so that it skips them. It first "
        "shows which events, and asks. The group's processes may run meanwhile: they follow by themselves."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("group", metavar="GROUP", type=declared_group)
        parser.add_argument(
            "--to",
            required=True,
            type=_place,
            metavar="POSITION|TIME",
            help="the position up to which all counts as handled, 0 for the start; or a time, whose first event at or "
            "after it comes next: 2027-05-01T12:00:00Z, 2027-05-01 (UTC), or an age like 2h",
        )
        parser.add_argument("--partition", type=number, metavar="N", help="only in this partition (default: in all)")
        parser.add_argument(
            "--target", metavar="T", help="only of this target (default: of all targets that the group has had)"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, group: str, to: Destination, yes: bool, **options: Any) -> None:
        try:
            plan = plan_replay(group, to, partition=options["partition"], target=options["target"])
        except EventError as error:
            raise CommandError(str(error)) from error
        for line in _sentences(plan):
            self.stdout.write(line)
        if not yes:
            confirm()
        try:
            execute_replay(plan)
        except ReplayRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{group} continues there.")


def _place(text: str) -> Destination:
    """Parse a position, a time with a time zone, a date or an age."""
    if WHOLE.fullmatch(text):
        return number(text)
    if re.fullmatch(r"\d+[a-z]", text, re.ASCII):
        return timezone.now() - age(text)
    try:
        return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a position, time, date or age") from None
    if moment.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no time zone: end it with Z or +02:00, for example")
    try:
        return in_utc(moment)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _sentences(plan: ReplayPlan) -> Iterator[str]:
    for move in plan.moves:
        yield from _about(plan.group, move)
    if any(move.is_back for move in plan.moves):
        yield "Handlers get these events again: messages that they send are sent again."


def _about(group: str, move: Move) -> Iterator[str]:
    name = f"{group} {move.target}".strip()
    if move.position == move.checkpoint:
        yield f"{name}, partition {move.partition}: stays at {move.position:,}."
        return
    way, verb = ("back", "handled again") if move.is_back else ("forward", "skipped")
    yield f"{name}, partition {move.partition}: from {move.checkpoint:,} {way} to {move.position:,}."
    between = move.between
    if between.first and between.last:
        types = ", ".join(f"{count:,} {name}" for name, count in between.types.items())
        yield f"  These are {verb}: {types}."
        yield f"  They were recorded from {between.first:%Y-%m-%d %H:%M:%S%z} to {between.last:%Y-%m-%d %H:%M:%S%z}."
    if between.others:
        yield f"  {between.others:,} others are skipped: the group does not handle their types."
    if between.dropped:
        yield f"  {between.dropped:,} are gone: newer events of the same aggregates have replaced them."
    if between.open_letters:
        yield f"  {between.open_letters:,} dead letters among them stay open: only manage.py dead_letters closes them."
