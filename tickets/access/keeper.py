"""Write what has happened to the receivers' messages: each second, for all receivers at once.

What a killed process has not written is lost; the checkpoints say what was sent.
"""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError
from django.utils import timezone

from events.processes.timer import Timer
from tickets.access import rows
from tickets.access.receiver import Note, ReceiverTarget
from tickets.models import Delivery, Receiver, WhyOff
from tickets.webhooks.attempts import Outcome

logger = logging.getLogger(__name__)

KEPT_DELIVERIES = 1000
"""Of each receiver."""
KEPT_DAYS = 30
PRUNED_AFTER = 200
"""So many new deliveries of a receiver are written before its old ones are deleted."""
TIDY_SECONDS = 600.0


class Health(NamedTuple):
    failing_since: datetime | None = None
    error: str = ""
    next_attempt_at: datetime | None = None


class Keeper:
    """What one process has noted of the receivers, and written."""

    def __init__(self) -> None:
        self._written: dict[int, Health] = {}
        self._new: Counter[int] = Counter()
        self._tidying = Timer()

    def write(self, receivers: Collection[ReceiverTarget]) -> None:
        """Write the attempts since the last call and the receivers' states; turn off those that want no more."""
        noted = {receiver.address.id: receiver.take_notes() for receiver in receivers}
        self._write_deliveries(noted)
        for receiver in receivers:
            self._write_health(receiver, noted[receiver.address.id])
            if receiver.is_gone:
                rows.turn_off(Receiver(id=receiver.address.id, name=receiver.address.name), WhyOff.GONE)
        self._tidy()

    def _write_deliveries(self, noted: dict[int, Sequence[Note]]) -> None:
        deliveries = [_delivery(key, note) for key, notes in noted.items() for note in notes]
        if not deliveries:
            return
        try:
            Delivery.objects.bulk_create(deliveries)
        except IntegrityError as error:
            logger.warning("%d deliveries of a receiver that was deleted are not kept: %s", len(deliveries), error)
        self._new.update(delivery.receiver_id for delivery in deliveries)

    def _write_health(self, receiver: ReceiverTarget, notes: Sequence[Note]) -> None:
        key = receiver.address.id
        health = before = self._written.get(key)
        for note in notes:
            health = _health_after(note, health)
        if health:
            health = health._replace(next_attempt_at=_later(receiver.rests_for()))
        if health and health != before:
            Receiver.objects.filter(id=key).update(**health._asdict())
            self._written[key] = health

    def _tidy(self) -> None:
        """Delete old deliveries, and the places of receivers that were off for long."""
        for key in [key for key, new in self._new.items() if new >= PRUNED_AFTER]:
            del self._new[key]
            _prune(key)
        if self._tidying.is_due(TIDY_SECONDS):
            Delivery.objects.filter(at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
            rows.release_long_off()


def _delivery(key: int, note: Note) -> Delivery:
    return Delivery(
        receiver_id=key,
        at=note.at,
        event_id=note.event_id,
        ticket_id=note.message.ticket_id,
        type=note.message.type,
        attempt=note.attempt.number,
        outcome=note.attempt.outcome,
        status=note.attempt.status,
        seconds=note.attempt.seconds,
        error=note.attempt.error,
    )


def _health_after(note: Note, before: Health | None) -> Health:
    """Return the receiver's state after the attempt; a message that is parked says nothing new of it."""
    match note.attempt.outcome:
        case Outcome.TAKEN:
            return Health()
        case Outcome.PARKED:
            return before or Health()
        case _:
            return Health((before and before.failing_since) or note.at, note.attempt.error)


def _later(seconds: float) -> datetime | None:
    """Return the time after so many seconds, to the nearest second: to round up would prolong the pause each time."""
    if seconds <= 0:
        return None
    return (timezone.now() + timedelta(seconds=seconds + 0.5)).replace(microsecond=0)


def _prune(key: int) -> None:
    """Keep the newest deliveries of a receiver."""
    newest = Delivery.objects.filter(receiver=key).order_by("-id").values_list("id", flat=True)
    if oldest := newest[KEPT_DELIVERIES - 1 : KEPT_DELIVERIES]:
        Delivery.objects.filter(receiver=key, id__lt=oldest[0]).delete()
