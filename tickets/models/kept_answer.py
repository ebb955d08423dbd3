"""The table of the requests with an idempotency key, from which their answers are made again."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

KEPT_HOURS = 24
REMOVED_AT_ONCE = 10


class KeptAnswerQuerySet(models.QuerySet["KeptAnswer"]):
    def remove_expired(self) -> None:
        """Delete a few expired rows, so that whoever adds one keeps the table small; leave out those of others."""
        expired = self.filter(created_at__lt=_oldest()).select_for_update(skip_locked=True)
        self.filter(id__in=list(expired.values_list("id", flat=True)[:REMOVED_AT_ONCE])).delete()


class KeptAnswer(models.Model):
    """A request that was carried out: the tickets that it answered, by id and version, without their texts.

    It is written in the request's own transaction, so that a crash leaves the change with this row or neither.
    """

    key_digest = models.CharField(max_length=64, unique=True)
    """Of the key and its user."""
    request_digest = models.CharField(max_length=64)
    """A keyed one of method, address and body, which have data of persons."""
    tickets = models.JSONField()
    """Pairs of id and version, in the order of the answer."""
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = KeptAnswerQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key_digest

    @property
    def has_expired(self) -> bool:
        return self.created_at < _oldest()


def _oldest() -> datetime:
    return timezone.now() - timedelta(hours=KEPT_HOURS)
