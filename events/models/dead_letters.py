"""The tables of the dead letters, and of what was done with them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from events.models.pinned import PinnedModel
from events.texts.storable import StorableCharField, StorableJSONField, StorableTextField

WORDS = {
    "parked": _("parked"),
    "queued": _("queued"),
    "retry": _("retry"),
    "failed": _("failed"),
    "handled": _("handled"),
    "edited": _("edited"),
    "discarded": _("discarded"),
    "deleted": _("deleted"),
}
"""The states of a dead letter, and the actions on it, in one word each."""


class DeadLetter(PinnedModel):
    """An event that a group could not handle, or a foreign entry of the stream, whose fields are kept here."""

    class State(models.TextChoices):
        PARKED = "parked", _("parked")
        QUEUED = "queued", _("queued behind an earlier event of its aggregate")
        RETRY = "retry", _("to be tried again")
        HANDLED = "handled", _("handled")
        DISCARDED = "discarded", _("discarded")

    OPEN = (State.PARKED, State.QUEUED, State.RETRY)

    group = models.CharField(_("group"), max_length=100)
    target = models.CharField(_("target"), max_length=100, blank=True)
    partition = models.PositiveSmallIntegerField(_("partition"))
    position = models.PositiveBigIntegerField(_("position"), null=True)
    """Null for a foreign entry, which has no place in the log."""
    entry_id = StorableCharField(_("entry id"), max_length=50)
    """The id of its entry on the stream."""
    event_id = models.UUIDField(_("event id"), null=True)
    type = StorableCharField(_("type"), max_length=100, blank=True)
    subject = StorableCharField(_("subject"), max_length=200, blank=True)
    fields = StorableJSONField(null=True)
    """The raw fields of a foreign entry."""
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PARKED)
    error_type = StorableCharField(_("error type"), max_length=200)
    error = StorableTextField(_("error"))
    traceback = StorableTextField(_("traceback"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=1)
    edited_data = StorableTextField(null=True)
    """The JSON that is handled instead of the log's, null if it was not edited."""
    edited_version = models.PositiveSmallIntegerField(_("edited version"), null=True)
    """The schema version of the edited JSON."""
    parked_at = models.DateTimeField(_("parked at"), default=timezone.now)

    class Meta:
        db_table = "events_dead_letter"
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        permissions = [
            ("retry_deadletter", gettext_noop("Can retry dead letter")),
            ("edit_deadletter", gettext_noop("Can edit dead letter")),
            ("discard_deadletter", gettext_noop("Can discard dead letter")),
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
        return str(_("%(event)s %(subject)s, %(state)s by %(group)s")) % {
            "event": self.type or _("foreign entry"),
            "subject": self.subject or self.entry_id,
            "state": self.state_in_a_word,
            "group": self.group,
        }

    @property
    def state_in_a_word(self) -> str:
        return str(WORDS[self.state])


ACTIONS = [(action, word) for action, word in WORDS.items() if action != "queued"]


class DeadLetterAction(PinnedModel):
    """An action on a dead letter: who did what, and why. It stays if the letter is deleted, and keeps its number."""

    letter = models.ForeignKey(
        DeadLetter,
        verbose_name=_("dead letter"),
        on_delete=models.DO_NOTHING,
        related_name="actions",
        db_constraint=False,
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    actor = StorableCharField(_("actor"), max_length=200)
    action = models.CharField(_("action"), max_length=20, choices=ACTIONS)
    detail = StorableTextField(_("detail"), blank=True)

    class Meta:
        db_table = "events_dead_letter_action"
        verbose_name = _("dead letter action")
        verbose_name_plural = _("dead letter actions")
        ordering = ["id"]

    def __str__(self) -> str:
        return str(_("%(action)s by %(actor)s")) % {"action": self.get_action_display(), "actor": self.actor}
