"""The tables of the consumer groups: their processes, leases and checkpoints."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from events.models.pinned import PinnedModel
from events.texts.storable import StorableTextField

MEMBER_STATES = {
    "opening": _("opening"),
    "consuming": _("consuming"),
    "standing by": _("standing by"),
    "paused": _("paused"),
    "retrying": _("retrying"),
}


class ConsumerGroup(PinnedModel):
    """A consumer group, with what an operator asks of its processes; they read it every second."""

    name = models.CharField(max_length=100, primary_key=True)
    paused = models.BooleanField(default=False)
    stop_requested_at = models.DateTimeField(null=True)
    """Processes that started before this time stop after their current batch."""

    class Meta:
        db_table = "events_group"
        permissions = [("pause_consumergroup", gettext_noop("Can pause and resume consumer groups"))]

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
    """`opening`, `consuming`, `standing by` (it owns no partition), `paused` or `retrying`; see MEMBER_STATES."""
    error = StorableTextField(blank=True)
    """Why it is `retrying`."""
    retry_at = models.DateTimeField(null=True)
    silent_seconds = models.FloatField(default=0, db_default=0)
    """How long its handler has made no progress; 0 while none is called."""
    known_events = StorableTextField(blank=True, default="", db_default="")
    """The events that it can read, as `name:version`, separated by spaces; "" for a process of an earlier release."""

    partitions = models.PositiveSmallIntegerField(null=True)
    """How many partitions it knows of; null for a process of an earlier release, which can't follow if they change."""

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
