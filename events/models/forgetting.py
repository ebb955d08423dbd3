"""The table of forgotten persons."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from events.models.pinned import PinnedModel


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
            ("forget_person", gettext_noop("Can forget a person")),
            ("report_person", gettext_noop("Can see what is stored of a person")),
        ]

    def __str__(self) -> str:
        return f"forgetting {self.id}"
