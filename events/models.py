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


class ConsumerGroup(models.Model):
    """What an operator asks of a group's processes; they look every second."""

    name = models.CharField(max_length=100, primary_key=True)
    paused = models.BooleanField(default=False)
    stop_requested_at = models.DateTimeField(null=True)
    """Processes that started before this end, after the batch in hand."""

    class Meta:
        db_table = "events_group"

    def __str__(self) -> str:
        return f"{self.name}, paused" if self.paused else self.name


class Member(models.Model):
    """A process of a consumer group; it lives as long as it says so again in time."""

    id = models.CharField(max_length=150, primary_key=True)
    """The process's name and something that no other process has."""
    group = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    alive_until = models.DateTimeField()
    state = models.CharField(max_length=20)
    """What it does: `consuming`, `standing by` (it owns no partition), `paused` or `retrying`."""
    error = models.TextField(blank=True)
    """Why it is `retrying`."""
    retry_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "events_member"

    def __str__(self) -> str:
        return f"{self.group} {self.id}, {self.state}"


class Lease(models.Model):
    """Who may handle a group's events of a partition, and until when by the database's clock."""

    group = models.CharField(max_length=100)
    partition = models.PositiveSmallIntegerField()
    member = models.CharField(max_length=150, blank=True)
    """The owner's `Member.id`, "" if it was released."""
    epoch = models.PositiveBigIntegerField(default=0)
    """One more with each owner: what carries an older one comes too late."""
    expires_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_lease"
        constraints = [models.UniqueConstraint(fields=["group", "partition"], name="events_lease_group")]

    def __str__(self) -> str:
        return f"{self.group}, partition {self.partition}: {self.member or 'free'}, epoch {self.epoch}"


class Checkpoint(models.Model):
    """How far a consumer group has come in a partition: all up to `position` is handled or parked."""

    group = models.CharField(max_length=100)
    target = models.CharField(max_length=100, blank=True)
    """What the events are written into; a target that was not seen before starts at 0."""
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(default=0)
    epoch = models.PositiveBigIntegerField(default=0)
    """That of the lease under which it is moved; an owner with an older one can't move it."""
    failed_position = models.PositiveBigIntegerField(null=True)
    """The event that is tried again, and how often that failed."""
    attempts = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_checkpoint"
        constraints = [
            models.UniqueConstraint(fields=["group", "target", "partition"], name="events_checkpoint_group"),
        ]

    def __str__(self) -> str:
        return f"{self.group} at {self.position} of partition {self.partition}"


class DeadLetter(models.Model):
    """What a group could not handle. An event stays in the log; of a foreign entry the fields are kept here."""

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
    """Null for a foreign entry."""
    entry_id = models.CharField(max_length=50)
    """The entry's id on the stream."""
    event_id = models.UUIDField(null=True)
    type = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    fields = models.JSONField(null=True)
    """The raw fields of a foreign entry."""
    state = models.CharField(max_length=10, choices=State, default=State.PARKED)
    error_type = models.CharField(max_length=200)
    error = models.TextField()
    traceback = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    edited_data = models.TextField(null=True)  # noqa: DJ001 (an edited payload is never "")
    """The JSON that is handled in place of the log's."""
    edited_version = models.PositiveSmallIntegerField(null=True)
    """The schema version that the edited JSON is of."""
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


class DeadLetterAction(models.Model):
    """What was done with a dead letter, by whom and why."""

    letter = models.ForeignKey(DeadLetter, on_delete=models.CASCADE, related_name="actions")
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=20)
    """`parked`, `retry`, `failed`, `handled`, `edited` or `discarded`."""
    detail = models.TextField(blank=True)

    class Meta:
        db_table = "events_dead_letter_action"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
