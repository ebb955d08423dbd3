"""The tables of the log and of the groups that read it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from events.pinned import PinnedModel
from events.storable_text import StorableCharField, StorableJSONField, StorableTextField


class LogEntry(PinnedModel):
    """One event of the log (the outbox table), inserted in the transaction of the change that it reports.

    A row never changes, unless a person is forgotten. A trigger adds a `WaitingEntry` to each new one, until a flush
    gives it a `Position` instead.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    partition = models.PositiveSmallIntegerField()
    type = models.CharField(max_length=100)
    schema_version = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=200)
    subject = models.CharField(max_length=200)
    aggregate_type = models.CharField(max_length=100)
    aggregate_version = models.PositiveBigIntegerField()
    time = models.DateTimeField()
    data = models.TextField()
    """The event's JSON, passed on unchanged."""
    correlation_id = models.CharField(max_length=200)
    causation_id = models.CharField(max_length=36, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    traceparent = models.CharField(max_length=55, blank=True)
    extensions = models.JSONField(null=True)
    """The project's own attributes, null if it has none."""

    class Meta:
        db_table = "events_log"
        verbose_name_plural = "log entries"
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
    """A sequence of positions. Positions are given under a lock on its row; the number of rows never changes."""

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


class ConsumerGroup(PinnedModel):
    """A consumer group, with what an operator asks of its processes; they read it every second."""

    name = models.CharField(max_length=100, primary_key=True)
    paused = models.BooleanField(default=False)
    stop_requested_at = models.DateTimeField(null=True)
    """Processes that started before this time stop after their current batch."""

    class Meta:
        db_table = "events_group"

    def __str__(self) -> str:
        return f"{self.name}, paused" if self.paused else self.name


class Member(PinnedModel):
    """A process of a consumer group, seen until its heartbeats stop."""

    id = models.CharField(max_length=150, primary_key=True)
    """The process's name with a unique suffix."""
    group = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    seen_until = models.DateTimeField(null=True)
    """Null for a process of an earlier release."""
    alive_until = models.DateTimeField()
    """In the past for a process that is not well: it gets no partitions while others are well."""
    state = models.CharField(max_length=20)
    """`opening`, `consuming`, `standing by` (it owns no partition), `paused` or `retrying`."""
    error = StorableTextField(blank=True)
    """Why it is `retrying`."""
    retry_at = models.DateTimeField(null=True)
    silent_seconds = models.FloatField(default=0, db_default=0)
    """How long its handler has made no progress; 0 while none is called."""

    class Meta:
        db_table = "events_member"

    def __str__(self) -> str:
        return f"{self.group} {self.id}, {self.state}"


class Lease(PinnedModel):
    """The process that may handle a group's events of a partition, until a time by the database's clock."""

    group = models.CharField(max_length=100)
    partition = models.PositiveSmallIntegerField()
    member = models.CharField(max_length=150, blank=True)
    """The owner's `Member.id`, "" if it was released."""
    epoch = models.PositiveBigIntegerField(default=0)
    """One more with each owner: a write with an older epoch comes too late."""
    expires_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_lease"
        constraints = [models.UniqueConstraint(fields=["group", "partition"], name="events_lease_group")]

    def __str__(self) -> str:
        return f"{self.group}, partition {self.partition}: {self.member or 'free'}, epoch {self.epoch}"


class Checkpoint(PinnedModel):
    """How far a consumer group has come in a partition: all events up to `position` are handled or parked."""

    group = models.CharField(max_length=100)
    target = models.CharField(max_length=100, blank=True)
    """The target of the group's writes, such as an index; a new one starts at 0."""
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(default=0)
    epoch = models.PositiveBigIntegerField(default=0)
    """The epoch of the owner's lease; an owner with an older epoch can't move the checkpoint."""
    failed_position = models.PositiveBigIntegerField(null=True)
    """The event that is being retried; `attempts` is how often it has failed."""
    attempts = models.PositiveSmallIntegerField(default=0)
    hung_to = models.PositiveBigIntegerField(default=0, db_default=0)
    """A handler hung with events up to this position: they are handled one at a time."""
    hangs = models.PositiveIntegerField(default=0, db_default=0)
    """How often a handler hung."""
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_checkpoint"
        constraints = [
            models.UniqueConstraint(fields=["group", "target", "partition"], name="events_checkpoint_group"),
        ]

    def __str__(self) -> str:
        return f"{self.group} at {self.position} of partition {self.partition}"


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


class Forgetting(PinnedModel):
    """A person who was forgotten, known only by a keyed hash. The list outside of the database has it too."""

    id = models.UUIDField(primary_key=True)
    """Also the correlation id of the events that tell of it."""
    key = models.CharField(max_length=16)
    """The id of the key of the hash."""
    digest = models.CharField(max_length=64)
    begun_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    """Null while it is not done: the same command goes on with it."""

    class Meta:
        db_table = "events_forgetting"
        default_permissions = ()
        permissions = [
            ("forget_person", "Can forget a person"),
            ("report_person", "Can see what is stored of a person"),
        ]

    def __str__(self) -> str:
        return f"forgetting {self.id}"
