"""What operators do with receivers, by the command or in the admin; running processes follow within a second."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from events.database import atomic
from events.groups import checkpoint
from events.log.partitions import all_partitions
from events.operations.reset_group import ReplayPlan, execute_replay, plan_replay
from tickets.access import rows
from tickets.models import Receiver, WhyOff
from tickets.models.receiver import LONGEST_NAME, LONGEST_URL, MESSAGE_TYPES
from tickets.webhooks.signing import new_secret

MOST_RECEIVERS = 200
"""Each may have 8 connections."""
OLD_SECRET_HOURS = 24
LONGEST_OLD_SECRET_HOURS = 24 * 365
receiver_changed = Signal()
"""Somebody has added or changed `receiver`; `done` says what, as in "made" or "turned_off"."""


class Made(NamedTuple):
    """A receiver with its new secret, which is shown this once."""

    receiver: Receiver
    secret: str


@atomic()
def add(name: str, url: str, types: Sequence[str], *, from_start: bool = False) -> Made:
    """Add a receiver, which is told of what happens from now on, or of all that the log has.

    Raise ValidationError, whose message never shows the URL.
    """
    check_room()
    receiver = Receiver(name=checked_name(name), url=checked_address(url), types=checked_types(types))
    secret = new_secret()
    receiver.use_secret(secret)
    try:
        with atomic():
            receiver.save()
    except IntegrityError:  # Another operator has added it since it was checked.
        raise ValidationError(_("There is a receiver of this name.")) from None
    if not from_start:
        rows.begin_now(receiver)
    _tell("made", receiver)
    return Made(receiver, secret)


def change(receiver: Receiver, names: Collection[str]) -> None:
    """Store these checked fields of the receiver."""
    Receiver.objects.filter(pk=receiver.pk).update(**{name: getattr(receiver, name) for name in names})
    _tell("changed", receiver)


def check_room() -> None:
    """Raise ValidationError if there can't be one more receiver."""
    if Receiver.objects.count() >= MOST_RECEIVERS:
        raise ValidationError(_("there may be %(most)s receivers") % {"most": MOST_RECEIVERS})


def checked_name(name: str, *, but: Receiver | None = None) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValidationError(_("A name has 1 to %(most)s printable characters.") % {"most": LONGEST_NAME})
    others = Receiver.objects.exclude(pk=but.pk) if but else Receiver.objects.all()
    if others.filter(name=name).exists():
        raise ValidationError(_("There is a receiver of this name."))
    return name


def checked_address(url: str) -> str:
    # The HTTP client loads slowly, and every process of the service imports this module.
    from tickets.webhooks.configuration import AddressRefused, checked_url  # noqa: PLC0415

    try:
        checked = checked_url(url.strip())
    except AddressRefused as refusal:
        raise ValidationError(_("The URL %(refusal)s.") % {"refusal": refusal}) from None
    if checked.userinfo:
        raise ValidationError(_("The URL has a password: the signature shows who sends."))
    if len(url) > LONGEST_URL:
        raise ValidationError(_("The URL has more than %(most)s characters.") % {"most": LONGEST_URL})
    return url.strip()


def checked_types(types: Collection[str]) -> list[str]:
    unknown = sorted(set(types) - MESSAGE_TYPES.keys())
    if unknown or not types:
        known = ", ".join(MESSAGE_TYPES)
        raise ValidationError(
            _("Choose from these messages: %(known)s; not %(unknown)s.")
            % {"known": known, "unknown": ", ".join(unknown) or "-"}
        )
    return [kind for kind in MESSAGE_TYPES if kind in types]


def enable(receiver: Receiver) -> None:
    rows.turn_on(receiver)
    _tell("turned_on", receiver)


def disable(receiver: Receiver) -> None:
    rows.turn_off(receiver, WhyOff.PERSON)
    _tell("turned_off", receiver)


def rotate(receiver: Receiver, *, hours: float = OLD_SECRET_HOURS) -> str:
    """Give the receiver a new secret, and return it; the former one signs too for so many hours."""
    expect_own_row(receiver)
    if hours > LONGEST_OLD_SECRET_HOURS:
        text = _("A former secret signs for at most %(most)s hours.")
        raise ValidationError(text % {"most": LONGEST_OLD_SECRET_HOURS})
    secret = new_secret()
    former = receiver.sealed_secret
    receiver.use_secret(secret)
    Receiver.objects.filter(id=receiver.pk).update(
        sealed_secret=receiver.sealed_secret,
        sealed_old_secret=former,
        old_secret_until=timezone.now() + timedelta(hours=hours),
    )
    _tell("secret_changed", receiver)
    return secret


@atomic()
def remove(receiver: Receiver) -> None:
    """Delete the receiver, its deliveries, its place and its letters."""
    expect_own_row(receiver)
    rows.give_up_place(receiver.target)
    _tell("removed", receiver)
    receiver.delete()


def replay(receiver: Receiver, to: int | datetime, *, partition: int | None = None) -> int:
    """Send again what came after a position or since a time; return how many events are sent again.

    What was not sent yet is never skipped: a place that is further back stays.

    Raise ReplayRefused, CheckpointMissing or PartitionsMissing.
    """
    plan = plan_replay(rows.GROUP, to, partition=partition, target=receiver.target)
    moves = [move for move in plan.moves if move.is_back]
    execute_replay(ReplayPlan(group=plan.group, moves=moves))
    _tell("asked_to_replay", receiver)
    return sum(sum(move.between.types.values()) for move in moves)


def expect_own_row(receiver: Receiver) -> None:
    """Raise ValidationError for the receiver that the settings make."""
    if receiver.from_settings:
        raise ValidationError(_("This receiver is that of ACCESS_SYSTEM_URL and ACCESS_SYSTEM_SECRETS: change these."))


def lags(receivers: Sequence[Receiver]) -> dict[int, int]:
    """Return by id how many events each receiver has not come to yet; 0 if it has given up its place."""
    ends = {found.number: found.last_position for found in all_partitions()}
    places: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for found in checkpoint.of_group(rows.GROUP):
        places[found.target][found.partition] = found.position
    return {
        receiver.pk: sum(end - places[receiver.target].get(number, 0) for number, end in ends.items())
        if receiver.is_on or places[receiver.target]
        else 0
        for receiver in receivers
    }


def _tell(done: str, receiver: Receiver) -> None:
    receiver_changed.send(Receiver, receiver=receiver, done=done)
