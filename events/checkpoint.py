"""How far a group has come: the highest position up to which all is handled or parked."""

from django.db import transaction
from django.utils import timezone

from events.envelope import Envelope
from events.models import Checkpoint, DeadLetter


def load(group: str, target: str, partition: int) -> int:
    """Return the checkpoint, 0 for a target that was not seen before."""
    checkpoint, _ = Checkpoint.objects.get_or_create(group=group, target=target, partition=partition)
    return checkpoint.position


def advance(group: str, target: str, partition: int, position: int) -> None:
    """Move the checkpoint forward, never back."""
    behind = Checkpoint.objects.filter(group=group, target=target, partition=partition, position__lt=position)
    behind.update(position=position, updated_at=timezone.now())


def park(group: str, target: str, partition: int, envelope: Envelope, error: str) -> None:
    """Keep the event as a dead letter, and move the checkpoint past it, both or neither."""
    position = envelope.position or 0
    with transaction.atomic():
        DeadLetter.objects.get_or_create(
            group=group,
            target=target,
            event_id=envelope.id,
            defaults={
                "partition": partition,
                "position": position,
                "type": envelope.type,
                "subject": envelope.subject,
                "error": error,
            },
        )
        advance(group, target, partition, position)
