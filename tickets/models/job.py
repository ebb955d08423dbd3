"""The tables of jobs, which change or import many tickets, and of the tickets or files that each job has."""

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tickets.models.details import LONGEST_REASON

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEASE_SECONDS = 30
"""A job of which nothing was done for so long has lost its worker."""
LONGEST_DETAIL = 1_000


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=(JobState.WAITING, JobState.RUNNING))

    def quiet(self) -> "JobQuerySet":
        """Filter unfinished jobs of which nothing was done for long, by the clock of the database."""
        return self.unfinished().filter(heartbeat_at__lt=Now() - timedelta(seconds=LEASE_SECONDS))

    def silent_seconds(self) -> float:
        """Return how long nothing was done of the unfinished job that waits longest, 0 if there is none."""
        longest = self.unfinished().order_by("heartbeat_at").values_list("heartbeat_at", Now()).first()
        return max((longest[1] - longest[0]).total_seconds(), 0.0) if longest else 0.0


class JobKind(models.TextChoices):
    CANCEL = "cancel", _("cancel")
    CHECK_IN = "check_in", _("check in")
    IMPORT = "import", _("import")


class JobState(models.TextChoices):
    DRAFT = "draft", _("to be confirmed")
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    STOPPED = "stopped", _("stopped")
    CHECKED = "checked", _("checked")
    """The file of an import has no mistake, and nothing is written before somebody confirms it."""


class Outcome(models.TextChoices):
    OPEN = "open", _("open")
    DONE = "done", _("done")
    REFUSED = "refused", _("refused")


class Job(models.Model):
    """A change of many tickets, or an import of a file, that was asked for by one person, and how far it is.

    The worker changes each ticket in a transaction with its item and the counts here. `task_id` names the one task
    that may go on with the job: a worker that was taken for dead is refused by it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("action"), max_length=20, choices=JobKind)
    state = models.CharField(_("state"), max_length=20, choices=JobState, default=JobState.WAITING)
    asked_by: "models.ForeignKey[User | None, User | None]" = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("asked by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    reason = models.CharField(_("reason"), max_length=LONGEST_REASON, blank=True)
    replace = models.BooleanField(_("with replacements"), default=True)
    """Whether a cancelled ticket gets a replacement."""
    is_confirmed = models.BooleanField(default=False)
    """Whether an import writes rows; before, it only checks them."""
    counts = models.JSONField(default=dict)
    """What an import has found or done, as in ImportReport."""
    language = models.CharField(max_length=10, default="en", db_default="en")
    """Of the one who asked; refusals are written in it."""
    correlation_id = models.CharField(max_length=128, blank=True)
    """Of the request that asked; the events get it too."""
    total = models.PositiveIntegerField(_("tickets"), default=0)
    """Or rows of a file."""
    done = models.PositiveIntegerField(_("done"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    task_id = models.UUIDField(null=True)
    heartbeat_at = models.DateTimeField(db_default=Now())
    stalls = models.PositiveSmallIntegerField(default=0)
    """How often the job has lost its worker since something was done."""
    created_at = models.DateTimeField(_("asked at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["asked_by", "id"], name="tickets_job_asked_by"),
            models.Index(
                fields=["heartbeat_at"], condition=Q(state__in=("waiting", "running")), name="tickets_job_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_finished(self) -> bool:
        return self.state in {JobState.FINISHED, JobState.STOPPED, JobState.CHECKED}

    @property
    def version(self) -> int:
        """How many of its tickets are worked off."""
        return self.done + self.refused

    @property
    def percent(self) -> int:
        return self.version * 100 // self.total if self.total else 100


class JobFile(models.Model):
    """The file that a job imports, until it is imported; any worker can read it, on whatever machine."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="file")
    name = models.CharField(max_length=200)
    content = models.BinaryField()
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=1)
    time_zone = models.CharField(max_length=50, blank=True)
    row = models.PositiveIntegerField(default=0)
    """The last row that is written."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class JobItem(models.Model):
    """A ticket of a job, and what has become of it; a refusal has the members of a problem (RFC 9457).

    An import has items for bad rows alone, without a ticket.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    ticket_id: "models.UUIDField[UUID | None, UUID | None]" = models.UUIDField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    status = models.PositiveSmallIntegerField(null=True)
    kind = models.CharField(max_length=50, blank=True)
    """The last part of the problem's type; empty if the status says it all."""
    detail = models.CharField(max_length=LONGEST_DETAIL, blank=True)
    facts = models.JSONField(default=dict)
    """Further members of the problem."""

    class Meta:
        default_permissions = ()
        verbose_name = _("ticket of a job")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["job", "id"], condition=Q(outcome="open"), name="tickets_jobitem_open"),
            models.Index(fields=["job", "id"], condition=Q(outcome="refused"), name="tickets_jobitem_refused"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}: {self.get_outcome_display()}"
