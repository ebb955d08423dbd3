"""The crates, and the table that their events build."""

from django.db import models

from events import record, unit_of_work
from warehouse.events import CrateEvent, CrateMoved, CrateReceived, CrateScrapped


class Crate(models.Model):
    shelf = models.CharField(max_length=20)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        app_label = "warehouse"

    def __str__(self) -> str:
        return f"crate {self.pk} on {self.shelf}"

    @classmethod
    def receive(cls, shelf: str) -> "Crate":
        with unit_of_work():
            crate = cls.objects.create(shelf=shelf)
            record(CrateReceived(crate_id=crate.pk, version=1, shelf=shelf))
        return crate

    def move_to(self, shelf: str) -> None:
        self._change(CrateMoved, shelf)

    def scrap(self) -> None:
        self._change(CrateScrapped, shelf="")

    def _change(self, event: type[CrateEvent], shelf: str) -> None:
        with unit_of_work():
            Crate.objects.filter(pk=self.pk).update(shelf=shelf, version=models.F("version") + 1)
            self.refresh_from_db()
            record(event(crate_id=self.pk, version=self.version, shelf=shelf))


class ShelfOfCrate(models.Model):
    """Where a crate stands, as its events tell."""

    crate_id = models.PositiveIntegerField(primary_key=True)
    shelf = models.CharField(max_length=20)
    version = models.PositiveIntegerField()

    class Meta:
        app_label = "warehouse"

    def __str__(self) -> str:
        return f"{self.crate_id} on {self.shelf}"
