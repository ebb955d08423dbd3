"""The rows of the receivers, as the group `access` reads and writes them."""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from events.database import atomic
from events.dead_letters import parking as dead_letters
from events.groups import checkpoint
from events.log.partitions import all_partitions, locked_partitions
from tickets.access.receiver import Address
from tickets.models import Delivery, Receiver, WhyOff
from tickets.webhooks.sealing import Unreadable

logger = logging.getLogger(__name__)

GROUP = "access"
NAME_OF_SETTINGS = "access system"
KEPT_DAYS = 7
"""How long a receiver that is off keeps its place; for so long the log is not compacted past it."""
LONG_MINUTES = 5
"""A receiver that fails for longer is a fault."""


def keep_settings_in_step() -> None:
    """Make the row of ACCESS_SYSTEM_URL, or follow it; raise ImproperlyConfigured."""
    shown = _shown_address() if settings.ACCESS_SYSTEM_URL else ""
    row = Receiver.objects.filter(from_settings=True).first()
    if not shown:
        if row and row.is_on:
            turn_off(row, WhyOff.SETTINGS)
        return
    row = row or Receiver.objects.create(name=_free_name(), url=shown, from_settings=True)
    if row.url != shown:
        Receiver.objects.filter(id=row.id).update(url=shown)
    if row.why_off == WhyOff.SETTINGS:
        turn_on(row)


def _shown_address() -> str:
    # The HTTP client loads slowly, and every process of the service imports this module.
    from tickets.webhooks.configuration import configured_url  # noqa: PLC0415
    from tickets.webhooks.signing import signers  # noqa: PLC0415
    from tickets.webhooks.target import origin_of  # noqa: PLC0415

    signers(settings.ACCESS_SYSTEM_SECRETS)
    return origin_of(configured_url())


def _free_name() -> str:
    is_taken = Receiver.objects.filter(name=NAME_OF_SETTINGS).exists()
    return f"{NAME_OF_SETTINGS} (ACCESS_SYSTEM_URL)" if is_taken else NAME_OF_SETTINGS


def read() -> Sequence[Receiver]:
    """Return the receivers that are on."""
    return list(Receiver.objects.filter(is_on=True).order_by("id"))


def version_of(row: Receiver) -> object:
    """Return what a connection depends on; if it is equal, nothing has to be connected again."""
    of_settings = (settings.ACCESS_SYSTEM_URL, *settings.ACCESS_SYSTEM_SECRETS) if row.from_settings else ()
    return (row.id, row.name, row.url, *row.sealed_secrets, tuple(row.types), of_settings)


def address_of(row: Receiver) -> Address:
    """Return where the receiver's messages go, or why they can't be sent."""
    from tickets.webhooks.configuration import AddressRefused, checked_url  # noqa: PLC0415

    url = settings.ACCESS_SYSTEM_URL if row.from_settings else row.url
    address = Address(row.id, row.name, row.target, url, tuple(row.types))
    try:
        checked_url(url)
        secrets = settings.ACCESS_SYSTEM_SECRETS if row.from_settings else row.secrets
    except AddressRefused as refusal:
        return address._replace(problem=f"the URL of receiver {row.name} {refusal}")
    except Unreadable as error:
        return address._replace(problem=f"the secret of receiver {row.name} can't be read: {error}")
    return address._replace(secrets=tuple(secrets))


def has_target(target: str) -> bool:
    return any(target == row.target for row in Receiver.objects.all())


def turn_off(row: Receiver, why: WhyOff) -> None:
    rows = Receiver.objects.filter(id=row.id, is_on=True)
    rows.update(is_on=False, why_off=why, off_since=timezone.now(), failing_since=None, next_attempt_at=None)
    logger.warning("receiver %s is off: %s", row.name, why.value)


@atomic()
def turn_on(row: Receiver) -> None:
    """Let the receiver go on where it was; one that was off for long begins with what happens from now on."""
    begin_now(row)
    Receiver.objects.filter(id=row.id).update(is_on=True, why_off="", off_since=None, error="", next_attempt_at=None)


@atomic()
def begin_now(row: Receiver) -> None:
    """Begin with what happens from now on, in each partition where the receiver has no place yet."""
    # Locked: a repartitioning lets the places that it finds go on in the new partitions.
    checkpoint.begin(GROUP, row.target, {found.number: found.last_position for found in locked_partitions()})


def release_long_off() -> None:
    """Give up the places of receivers that were off for long, which hold back the compaction of the log."""
    long_ago = timezone.now() - timedelta(days=KEPT_DAYS)
    for row in Receiver.objects.filter(is_on=False, off_since__lt=long_ago):
        if checkpoint.positions(GROUP, row.target):
            give_up_place(row.target)
            logger.warning("receiver %s was off for %d days, and has given up its place", row.name, KEPT_DAYS)


@atomic()
def give_up_place(target: str) -> None:
    """Delete the checkpoints of a receiver, and discard its letters."""
    for partition in all_partitions():
        dead_letters.discard_all(GROUP, partition.number, target)
    checkpoint.forget(GROUP, target)


def faults() -> Iterator[tuple[str, str]]:
    """Return the receivers that take no messages, each with what to do."""
    long_ago = timezone.now() - timedelta(minutes=LONG_MINUTES)
    for row in Receiver.objects.order_by("name"):
        if row.why_off == WhyOff.GONE:
            yield (
                f"receiver {row.name} is off since {row.off_since}: it answered 410",
                f"ask its operator, then run manage.py webhooks enable {row.id}, or remove it",
            )
        elif row.is_on and row.failing_since and row.failing_since < long_ago:
            yield (
                f"receiver {row.name} takes no messages since {row.failing_since}: {row.error}",
                f"repair it, or run manage.py webhooks disable {row.id}: it holds back compact_events",
            )
        elif row.is_on and (problem := address_of(row).problem):
            yield problem, f"run manage.py webhooks rotate {row.id}, or correct its address"


def effect_of(event_id: UUID) -> str:
    """Tell what became of the messages about an event, as far as deliveries are kept."""
    last: dict[int, Any] = {}
    for delivery in Delivery.objects.filter(event_id=event_id).select_related("receiver").order_by("id"):
        last[delivery.receiver_id] = delivery
    return "; ".join(
        _("%(receiver)s: %(outcome)s, status %(status)s, attempt %(attempt)s")
        % {
            "receiver": delivery.receiver.name,
            "outcome": delivery.get_outcome_display(),
            "status": delivery.status or "-",
            "attempt": delivery.attempt,
        }
        for delivery in last.values()
    )
