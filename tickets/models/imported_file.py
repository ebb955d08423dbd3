"""The table of the files that were imported."""

from django.db import models
from django.utils import timezone


class ImportedFile(models.Model):
    """A file that import_tickets or the admin has imported, so that the same file issues nothing twice."""

    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of its bytes."""
    rows = models.PositiveIntegerField(default=0)
    """So many of its rows are written, or were bad; empty ones and the header count too."""
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest
