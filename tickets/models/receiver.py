"""The tables of the receivers of webhooks, and of what was sent to each."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.texts.storable import StorableTextField
from tickets.webhooks.attempts import Outcome
from tickets.webhooks.sealing import seal, unseal

LONGEST_NAME = 100
LONGEST_URL = 2000
MESSAGE_TYPES = {
    "ticket.canceled": _("a ticket is void"),
    "ticket.reinstated": _("a canceled ticket is valid again"),
    "ticket.issued": _("a ticket was issued"),
    "ticket.updated": _("the holder or the seat was changed"),
    "ticket.checked_in": _("the holder went in"),
    "ticket.check_in_undone": _("the holder did not go in after all"),
}
USUAL_TYPES = ("ticket.canceled", "ticket.reinstated")
"""What an access system has to know."""


def usual_types() -> list[str]:
    return [*USUAL_TYPES]


class WhyOff(models.TextChoices):
    PERSON = "person", _("by a person")
    GONE = "gone", _("it answered 410: it wants no more messages")
    SETTINGS = "settings", _("ACCESS_SYSTEM_URL is empty")


class Receiver(models.Model):
    """A system that is told of tickets, with its own checkpoints: it is a target of the group `access`."""

    name = models.CharField(_("name"), max_length=LONGEST_NAME, unique=True)
    url = models.CharField(_("URL"), max_length=LONGEST_URL)
    """Of the row that the settings make, only what may be shown."""
    sealed_secret = models.TextField(blank=True)
    sealed_old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(_("the old secret signs until"), null=True, blank=True)
    types = models.JSONField(_("messages"), default=usual_types)
    """The types of the messages that it gets."""
    from_settings = models.BooleanField(default=False)
    """Whether its address and secrets are those of ACCESS_SYSTEM_URL and ACCESS_SYSTEM_SECRETS."""
    is_on = models.BooleanField(_("on"), default=True)
    why_off = models.CharField(_("off"), max_length=10, choices=WhyOff, blank=True)
    off_since = models.DateTimeField(_("off since"), null=True, blank=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    """When it began to take no messages."""
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    """Nothing is sent before, by any process."""
    error = StorableTextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("receiver")
        verbose_name_plural = _("receivers")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["from_settings"], condition=Q(from_settings=True), name="one_from_settings")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        """Return the target of the group; that of the settings is the one of earlier releases."""
        return "" if self.from_settings else f"receiver-{self.pk}"

    @property
    def origin(self) -> str:
        """Return what may be shown of the URL to everybody: its path may have a token."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def state(self) -> str:
        """Return in a few words whether it takes messages."""
        if not self.is_on:
            return gettext("off: %(why)s") % {"why": self.get_why_off_display()}
        if self.next_attempt_at and self.next_attempt_at > timezone.now():
            return gettext("has asked for a pause")
        return gettext("fails") if self.failing_since else gettext("takes messages")

    def use_secret(self, secret: str) -> None:
        self.sealed_secret = seal(secret)

    @property
    def sealed_secrets(self) -> Sequence[str]:
        """Return the secrets that sign now, encrypted; the newest first."""
        is_old_valid = self.old_secret_until and self.old_secret_until > timezone.now()
        return [self.sealed_secret, *([self.sealed_old_secret] if is_old_valid else [])]

    @property
    def secrets(self) -> Sequence[str]:
        """Return the secrets that sign now; raise Unreadable."""
        return [unseal(sealed) for sealed in self.sealed_secrets]


OUTCOMES = {
    Outcome.TAKEN: _("taken"),
    Outcome.AGAIN: _("is tried again"),
    Outcome.PARKED: _("parked"),
    Outcome.GONE: _("wants no more"),
    Outcome.REFUSED: _("not taken"),
}


class Delivery(models.Model):
    """An attempt to send a message to a receiver; the last ones of each are kept."""

    receiver = models.ForeignKey(Receiver, verbose_name=_("receiver"), on_delete=models.CASCADE)
    at = models.DateTimeField(_("at"))
    event_id = models.UUIDField(_("event id"), null=True, db_index=True)
    """Null for a test message."""
    ticket_id = models.UUIDField(_("ticket"), null=True)
    type = models.CharField(_("message"), max_length=100)
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=[(key.value, word) for key, word in OUTCOMES.items()]
    )
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    seconds = models.FloatField(_("seconds"))
    error = StorableTextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["receiver", "-id"], name="tickets_delivery_newest")]

    def __str__(self) -> str:
        return f"{self.type} to {self.receiver_id}, {self.outcome}"
