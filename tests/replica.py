"""A second database that is behind the first, and a router that reads from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from django.apps import apps
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.models import Model
from django.test import override_settings

ALIAS = "replica"


class ReadFromReplica:
    """What projects with a replica use: it lags, so a reader may get what was true a while ago."""

    apps: ClassVar = {"events"}

    def db_for_read(self, model: type[Model], **_: Any) -> str | None:
        return ALIAS if model._meta.app_label in self.apps else None


class Replica:
    """An SQLite file with the events' tables, which has only what `catch_up` copies."""

    def catch_up(self) -> None:
        for model in apps.get_app_config("events").get_models():
            model.objects.using(ALIAS).all().delete()
            model.objects.using(ALIAS).bulk_create(model.objects.using("default").all())


@contextmanager
def replica_read_by_routers(folder: Path) -> Iterator[Replica]:
    """Let a router send reads of the events to a replica during the block; at first it is up to date."""
    file = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "replica.sqlite3")}
    settings = connections.configure_settings({"default": {}, ALIAS: file})[ALIAS]
    session = DatabaseWrapper(settings, ALIAS)
    session.connect()  # First: Django lets a test connect to no database that joins `connections` after its start.
    connections.settings[ALIAS] = settings
    connections[ALIAS] = session
    try:
        with session.schema_editor() as editor:
            for model in apps.get_app_config("events").get_models():
                editor.create_model(model)
        with override_settings(DATABASE_ROUTERS=[f"{__name__}.{ReadFromReplica.__name__}"]):
            replica = Replica()
            replica.catch_up()
            yield replica
    finally:
        session.close()
        del connections[ALIAS]
        del connections.settings[ALIAS]
