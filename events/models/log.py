"""The tables of the log: events, their positions, and what signs the stream."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from events.models.pinned import PinnedModel
from events.texts.storable import StorableTextField


class LogEntry(PinnedModel):
    """One event of the log (the outbox table), inserted in the transaction of the change that it reports.

    A row never changes, unless a person is forgotten. A trigger adds a `WaitingEntry` to each new one, until a flush
    gives it a `Position` instead.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(_("event id"), unique=True)
    partition = models.PositiveSmallIntegerField(_("partition"))
    """The partition that it was recorded for. Its `Position` may be in a younger one, if the log was repartitioned."""
    type = models.CharField(_("type"), max_length=100)
    schema_version = models.PositiveSmallIntegerField(_("schema version"))
    source = models.CharField(_("source"), max_length=200)
    subject = models.CharField(_("subject"), max_length=200)
    aggregate_type = models.CharField(_("aggregate type"), max_length=100)
    aggregate_version = models.PositiveBigIntegerField(_("aggregate version"))
    time = models.DateTimeField(_("time"))
    data = models.TextField()
    """The event's JSON, passed on unchanged."""
    correlation_id = models.CharField(_("correlation id"), max_length=200)
    causation_id = models.CharField(_("causation id"), max_length=36, blank=True)
    actor = models.CharField(_("actor"), max_length=200, blank=True)
    traceparent = models.CharField(_("traceparent"), max_length=55, blank=True)
    extensions = models.JSONField(_("extensions"), null=True)
    """The project's own attributes, null if it has none."""
    slot = models.BigIntegerField(null=True, editable=False)
    """The hash of its subject, which decides its partition; null for an event of an earlier release."""

    class Meta:
        db_table = "events_log"
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        constraints = [
            models.UniqueConstraint(
                fields=["aggregate_type", "subject", "aggregate_version"], name="events_log_aggregate_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject} v{self.aggregate_version}"

    @property
    def position(self) -> int | None:
        """Its place in the partition, None until a flush has given it. Queries name it `place__position`."""
        try:
            return self.place.position
        except Position.DoesNotExist:
            return None


class WaitingEntry(PinnedModel):
    """An event without a position, committed or not. A trigger of the log's table adds it."""

    pk = models.CompositePrimaryKey("partition", "entry_id")
    partition = models.PositiveSmallIntegerField()
    entry = models.ForeignKey(
        LogEntry, on_delete=models.CASCADE, related_name="waiting", db_constraint=False, db_index=False
    )
    slot = models.BigIntegerField(null=True)
    """The hash of its subject; null if a process of an earlier release recorded it in SQLite."""

    class Meta:
        db_table = "events_waiting"

    def __str__(self) -> str:
        return f"entry {self.entry_id} of partition {self.partition}, without a position"


class Position(PinnedModel):
    """The place of an event in its partition, from 1 without gaps; see docs/adr/0013.

    A row never changes, unless the event's size does because a person is forgotten.
    """

    entry = models.OneToOneField(
        LogEntry, on_delete=models.CASCADE, related_name="place", primary_key=True, db_constraint=False
    )
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField()
    size = models.PositiveIntegerField()
    """The bytes of the event's JSON, by which readers choose how many events they read at once."""

    class Meta:
        db_table = "events_position"
        constraints = [
            models.UniqueConstraint(fields=["partition", "position"], name="events_position_in_partition"),
        ]

    def __str__(self) -> str:
        return f"entry {self.entry_id} at {self.position} of partition {self.partition}"


class Partition(PinnedModel):
    """A sequence of positions, which are given under a lock on its row. Only `repartition_events` adds rows."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    last_position = models.PositiveBigIntegerField(default=0)
    compacted_to = models.PositiveBigIntegerField(default=0)
    """Up to this position a missing event is not a gap: a newer one has replaced it, and compaction has deleted it."""
    divergence = StorableTextField(blank=True, default="")
    """Which entry of ours this log lacks: it was restored, and readers may have handled it; "" if there is none."""
    generation = models.PositiveBigIntegerField(default=0)
    """Part of what the stream's entries are signed with: once it is raised, entries signed before are not believed."""
    signed_from = models.PositiveBigIntegerField(default=0)
    """Entries below this position may be unsigned: they were appended before entries were signed."""
    foreign_entries = models.PositiveBigIntegerField(default=0)
    """How many entries of the stream were found not to be ours. Each reader counts what it finds."""
    repairs = models.PositiveBigIntegerField(default=0)
    """How often the stream was deleted and sent again because of foreign entries."""
    repair_after = models.DateTimeField(null=True)
    """Foreign entries are not taken away again before this time."""
    repair_pause_seconds = models.PositiveSmallIntegerField(default=0)
    """The pause that ends at `repair_after`. It grows, so that a foreign entry each second costs us little."""
    parent = models.PositiveSmallIntegerField(null=True)
    """The partition that had its aggregates before the log was repartitioned; null for one of the first ones."""
    parent_position = models.PositiveBigIntegerField(default=0, db_default=0)
    """The parent's last position then: up to there its aggregates' events are in the parent, or in its ancestors."""

    class Meta:
        db_table = "events_partition"

    def __str__(self) -> str:
        return f"partition {self.number}, at {self.last_position}"


class SigningKey(PinnedModel):
    """A key that has signed entries of the stream, known by its fingerprint."""

    fingerprint = models.CharField(max_length=32, primary_key=True)
    first_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_signing_key"

    def __str__(self) -> str:
        return self.fingerprint
