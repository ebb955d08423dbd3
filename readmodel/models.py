"""The read model's only table: how many documents were found to be wrong."""

from collections import Counter
from collections.abc import Iterable

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_noop


class WrongDocuments(models.Model):
    """Counts the documents of a projection that differed from the log, by whether they could be repaired.

    A document that can't be repaired counts each time it is found.
    """

    projection = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    is_repaired = models.BooleanField()
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "readmodel_wrong_documents"
        verbose_name_plural = "wrong documents"
        default_permissions = ()
        permissions = [
            ("view_metrics", gettext_noop("Can view metrics")),
            ("rebuild_readmodel", gettext_noop("Can rebuild the read model")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["projection", "kind", "is_repaired"], name="readmodel_wrong_documents_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} of {self.projection}, {'repaired' if self.is_repaired else 'left'}"

    @classmethod
    def count(cls, projection: str, found: Iterable[tuple[str, bool]]) -> None:
        """Add the differences found, each given by its kind and whether it was repaired."""
        for (kind, is_repaired), number in Counter(found).items():
            row, _ = cls.objects.get_or_create(projection=projection, kind=kind, is_repaired=is_repaired)
            cls.objects.filter(id=row.id).update(number=F("number") + number)
