"""System checks of EVENTS_DATABASE: the project's routers, and the database itself."""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, router

from events import database
from events.checks.tags import TAG
from events.conf import conf
from events.models import Forgetting, Partition
from events.operations.doctor.database import check_durability, check_isolation, check_sqlite_mode
from events.operations.doctor.forgotten import check_returned

APP = "events"
DATABASE_IDS = {
    "isolation level": "events.E030",
    "synchronous_commit": "events.E031",
    "SQLite's journal": "events.E032",
    "SQLite's transactions": "events.E033",
}
"""The check id of each of the doctor's findings that keeps a process from starting."""


@register(TAG)
def check_alias(**_: Any) -> Sequence[CheckMessage]:
    """The tables are in a database of the project's, in which its routers let them be created."""
    alias = database.alias()
    if alias not in connections.settings:
        hint = f"Set it to one of {', '.join(connections.settings)}."
        return [Error(f"EVENTS_DATABASE is {alias!r}, which DATABASES lacks", hint=hint, id="events.E040")]
    return [*_forbidden(alias), *_sent_elsewhere(alias)]


@register(TAG, Tags.database)
def check_forgotten(*, databases: Collection[str] | None, **_: Any) -> Sequence[CheckMessage]:
    """Name a restored database, also to `migrate`, which may have to run first. The workers wait by themselves."""
    if database.alias() not in (databases or ()):
        return []
    try:
        if Forgetting._meta.db_table not in database.connection().introspection.table_names():
            return []
        found = [finding for finding in check_returned() if finding.is_fault]
    except OperationalError:  # As below.
        return []
    return [checks.Warning(finding.found, hint=finding.remedy, id="events.W043") for finding in found]


def _forbidden(alias: str) -> Iterable[CheckMessage]:
    models = apps.get_app_config(APP).get_models()
    if router.allow_migrate(alias, APP) and all(router.allow_migrate_model(alias, model) for model in models):
        return
    hint = f"Let its allow_migrate accept the app {APP!r} there, or set EVENTS_DATABASE to a database where it does."
    yield Error(f"a router forbids creating the events' tables in {alias!r}", hint=hint, id="events.E041")


def _sent_elsewhere(alias: str) -> Iterable[CheckMessage]:
    models = apps.get_app_config(APP).get_models()
    without_answer = {alias, DEFAULT_DB_ALIAS}  # Django's default stands also for routers that have no answer.
    for other in sorted({router.db_for_write(model) for model in models} - without_answer):
        hint = f"Set EVENTS_DATABASE to {other!r}, or let db_for_write answer {alias!r} for the app {APP!r}."
        message = f"EVENTS_DATABASE is {alias!r}, but a router sends writes of the events' tables to {other!r}"
        yield Error(message, hint=hint, id="events.E042")


@register(TAG, Tags.database)
def check_partitions(*, databases: Collection[str] | None, **_: Any) -> Sequence[CheckMessage]:
    if database.alias() not in (databases or ()):
        return []
    try:
        if Partition._meta.db_table not in database.connection().introspection.table_names():
            return []
        partitions = list(Partition.objects.all())
    except OperationalError:  # The process waits for its database; the next start checks again.
        return []
    first, count = sum(partition.parent is None for partition in partitions), len(partitions)
    if not count or first <= conf.partitions <= count:
        return []
    hint = f"Set EVENTS_PARTITIONS to {count}; for more partitions run manage.py repartition_events."
    return [Error(f"EVENTS_PARTITIONS is {conf.partitions}, the database has {count}", hint=hint, id="events.E004")]


@register(TAG, Tags.database)
def check_database(*, databases: Collection[str] | None, **_: Any) -> Sequence[CheckMessage]:
    """Refuse database settings under which events could be lost."""
    if database.alias() not in (databases or ()):
        return []
    try:
        findings = list(chain(check_isolation(), check_durability(), check_sqlite_mode()))
    except OperationalError:  # As above.
        return []
    return [
        Error(f"{found.about} is {found.found}", hint=found.remedy, id=DATABASE_IDS[found.about])
        for found in findings
        if found.is_fault
    ]
