"""The tables of the dead letters, and of what was done with them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from events.models.pinned import PinnedModel
from events.texts.storable import StorableCharField, StorableJSONField, StorableTextField


class DeadLetter(PinnedModel):
    """An event that a group could not handle, or a foreign entry of the stream, whose fields are kept here."""

    class State(models.TextChoices):
        PARKED = "parked", "parked"
        QUEUED = "queued", "queued behind an earlier event of its aggregate"
        RETRY = "retry", "to be tried again"
        HANDLED = "handled", "handled"
        DISCARDED = "discarded", "discarded"

    OPEN = (State.PARKED, State.QUEUED, State.RETRY)

    group = models.CharField(max_length=100)
    target = models.CharField(max_length=100, blank=True)
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(null=True)
    """Null for a foreign entry, which has no place in the log."""
    entry_id = StorableCharField(max_length=50)
    """The id of its entry on the stream."""
    event_id = models.UUIDField(null=True)
    type = StorableCharField(max_length=100, blank=True)
    subject = StorableCharField(max_length=200, blank=True)
    fields = StorableJSONField(null=True)
    """The raw fields of a foreign entry."""
    state = models.CharField(max_length=10, choices=State, default=State.PARKED)
    error_type = StorableCharField(max_length=200)
    error = StorableTextField()
    traceback = StorableTextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    edited_data = StorableTextField(null=True)
    """The JSON that is handled instead of the log's, null if it was not edited."""
    edited_version = models.PositiveSmallIntegerField(null=True)
    """The schema version of the edited JSON."""
    parked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_dead_letter"
        permissions = [
            ("retry_deadletter", "Can retry dead letter"),
            ("edit_deadletter", "Can edit dead letter"),
            ("discard_deadletter", "Can discard dead letter"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["group", "target", "event_id"], name="events_dead_letter_event"),
            models.UniqueConstraint(
                fields=["group", "target", "partition", "entry_id"],
                condition=Q(event_id=None),
                name="events_dead_letter_entry",
            ),
        ]
        indexes = [
            models.Index(
                fields=["group", "target", "partition", "subject", "position"],
                condition=Q(state__in=["parked", "queued", "retry"]),
                name="events_dead_letter_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'foreign entry'} {self.subject or self.entry_id}, {self.state} by {self.group}"


class DeadLetterAction(PinnedModel):
    """An action on a dead letter: who did what, and why. It stays if the letter is deleted, and keeps its number."""

    letter = models.ForeignKey(DeadLetter, on_delete=models.DO_NOTHING, related_name="actions", db_constraint=False)
    at = models.DateTimeField(default=timezone.now)
    actor = StorableCharField(max_length=200)
    action = models.CharField(max_length=20)
    """`parked`, `retry`, `failed`, `handled`, `edited`, `discarded` or `deleted`."""
    detail = StorableTextField(blank=True)

    class Meta:
        db_table = "events_dead_letter_action"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
