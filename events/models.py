"""The tables of the log and of those who read it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class LogEntry(models.Model):
    """One event of the log (the outbox table), inserted in the transaction of the change it tells of."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(null=True)
    """Its place in the partition, from 1 without gaps; null until the relay has given it."""
    type = models.CharField(max_length=100)
    schema_version = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=200)
    subject = models.CharField(max_length=200)
    aggregate_type = models.CharField(max_length=100)
    aggregate_version = models.PositiveBigIntegerField()
    time = models.DateTimeField()
    data = models.TextField()
    """The event's JSON, passed on as it is."""
    correlation_id = models.CharField(max_length=200)
    causation_id = models.CharField(max_length=36, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    traceparent = models.CharField(max_length=55, blank=True)
    extensions = models.JSONField(null=True)
    """The project's own attributes, null where there are none."""

    class Meta:
        db_table = "events_log"
        verbose_name_plural = "log entries"
        constraints = [
            models.UniqueConstraint(
                fields=["aggregate_type", "subject", "aggregate_version"], name="events_log_aggregate_version"
            ),
            models.UniqueConstraint(fields=["partition", "position"], name="events_log_position"),
        ]
        indexes = [
            models.Index(fields=["partition", "id"], condition=Q(position=None), name="events_log_without_position"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject} v{self.aggregate_version}"


class Partition(models.Model):
    """A sequence of positions. Its row is the lock under which they are given; the rows' number never changes."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    last_position = models.PositiveBigIntegerField(default=0)
    compacted_to = models.PositiveBigIntegerField(default=0)
    """Up to here a missing position is no gap: newer events have replaced it."""
    divergence = models.TextField(blank=True, default="")
    """How the stream was found to be no window on this log any more; "" as long as it is one."""
    has_lost_events = models.BooleanField(default=False)
    """The diverged stream had events that the log has not: it was restored, and its readers may know of them."""

    class Meta:
        db_table = "events_partition"

    def __str__(self) -> str:
        return f"partition {self.number}, at {self.last_position}"


class Checkpoint(models.Model):
    """How far a consumer group has come in a partition: all up to `position` is handled or parked."""

    group = models.CharField(max_length=100)
    target = models.CharField(max_length=100, blank=True)
    """What the events are written into; a target that was not seen before starts at 0."""
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_checkpoint"
        constraints = [
            models.UniqueConstraint(fields=["group", "target", "partition"], name="events_checkpoint_group"),
        ]

    def __str__(self) -> str:
        return f"{self.group} at {self.position} of partition {self.partition}"


class DeadLetter(models.Model):
    """An event that a group could not handle; the event itself stays in the log."""

    group = models.CharField(max_length=100)
    target = models.CharField(max_length=100, blank=True)
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField()
    event_id = models.UUIDField()
    type = models.CharField(max_length=100)
    subject = models.CharField(max_length=200)
    error = models.TextField()
    parked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_dead_letter"
        constraints = [
            models.UniqueConstraint(fields=["group", "target", "event_id"], name="events_dead_letter_event"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}, parked by {self.group}"
