"""What the read model keeps in the database beside the log: how often it was found to be wrong."""

from collections import Counter
from collections.abc import Iterable

from django.db import models
from django.db.models import F


class WrongDocuments(models.Model):
    """How many documents of a projection were found to differ from the log, and were repaired or could not be.

    What could not be is counted again whenever it is met.
    """

    projection = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    is_repaired = models.BooleanField()
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "readmodel_wrong_documents"
        verbose_name_plural = "wrong documents"
        default_permissions = ()
        permissions = [("view_metrics", "Can view metrics")]
        constraints = [
            models.UniqueConstraint(
                fields=["projection", "kind", "is_repaired"], name="readmodel_wrong_documents_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} of {self.projection}, {'repaired' if self.is_repaired else 'left'}"

    @classmethod
    def count(cls, projection: str, found: Iterable[tuple[str, bool]]) -> None:
        """Add what was found: the kind of each difference, and whether it was repaired."""
        for (kind, is_repaired), number in Counter(found).items():
            row, _ = cls.objects.get_or_create(projection=projection, kind=kind, is_repaired=is_repaired)
            cls.objects.filter(id=row.id).update(number=F("number") + number)
