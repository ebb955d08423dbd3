"""The base of the events' models: their rows are read and written in EVENTS_DATABASE, whatever the routers say.

A router that reads from a replica would otherwise return an epoch, a position or a checkpoint that is out of date.
"""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import QuerySet

from events import database


class PinnedManager[Row: models.Model](models.Manager[Row]):
    def get_queryset(self) -> QuerySet[Row]:
        return super().get_queryset().using(database.alias())


class PinnedModel(models.Model):
    objects: ClassVar[PinnedManager[Self]] = PinnedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"  # For refresh_from_db() and for foreign keys.

    def save(self, *, using: str | None = None, **options: Any) -> None:
        super().save(using=using or database.alias(), **options)

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:  # noqa: FBT001, FBT002 (Django's signature)
        return super().delete(using=using or database.alias(), keep_parents=keep_parents)
