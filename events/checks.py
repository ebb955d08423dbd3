"""System checks of the settings, of the code that they name, and of the database."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
from django.utils.module_loading import import_string

from events.aggregates import Aggregate
from events.conf import conf
from events.exceptions import UnknownEventType
from events.models import Partition
from events.operations.doctor.database import check_durability, check_isolation, check_sqlite_mode
from events.stream.dsn import StreamDSN
from events.stream.interface import Stream, stream_backend
from events.subscriber import Subscriber, handled_names

SHORTEST_KEY = 32
TAG = "events"
"""The checks that every process of the events runs."""
CODE_TAG = "events_code"
"""The checks that only processes run that handle events: they import all event classes and subscribers."""
DATABASE_IDS = {
    "isolation level": "events.E030",
    "synchronous_commit": "events.E031",
    "SQLite's journal": "events.E032",
    "SQLite's transactions": "events.E033",
}
"""The check id of each of the doctor's findings that keeps a process from starting."""


@register(TAG)
def check_stream_url(**_: Any) -> Sequence[CheckMessage]:
    try:
        StreamDSN.parse(conf.stream_url)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="events.E001")]
    return []


@register(TAG)
def check_stream_keys(**_: Any) -> Sequence[CheckMessage]:
    if all(len(key) >= SHORTEST_KEY for key in conf.stream_keys):
        return []
    hint = "Write random characters, as in SECRET_KEY; several keys are separated by commas."
    said = f"EVENTS_STREAM_KEYS has a key with fewer than {SHORTEST_KEY} characters"
    return [Error(said, hint=hint, id="events.E016")]


@register(TAG)
def check_stream_backend(**_: Any) -> Sequence[CheckMessage]:
    try:
        backend = stream_backend()
    except ImportError as error:
        return [Error(f"EVENTS_STREAM_BACKEND: {error}", id="events.E014")]
    if isinstance(backend, type) and issubclass(backend, Stream):
        return []
    hint = "Derive the class from events.stream.Stream, or remove the setting to use Redis."
    return [Error(f"EVENTS_STREAM_BACKEND: {conf.stream_backend} is not a Stream", hint=hint, id="events.E014")]


@register(CODE_TAG)
def check_subscribers(**_: Any) -> Sequence[CheckMessage]:
    return [error for group, path in conf.subscribers.items() for error in _check_subscriber(group, path)]


def _check_subscriber(group: str, path: str) -> Sequence[CheckMessage]:
    try:
        subscriber = import_string(path)
    except ImportError as error:
        return [Error(f"EVENTS_SUBSCRIBERS[{group!r}]: {error}", id="events.E002")]
    if not (isinstance(subscriber, type) and issubclass(subscriber, Subscriber)):
        hint = "Derive the class from events.subscriber.Subscriber."
        return [Error(f"EVENTS_SUBSCRIBERS[{group!r}]: {path} is not a Subscriber", hint=hint, id="events.E003")]
    try:
        handled_names(subscriber)
    except (TypeError, UnknownEventType, ImproperlyConfigured) as error:
        hint = "List registered event classes or their names in `handles`, or set it to None for all events."
        return [Error(f"EVENTS_SUBSCRIBERS[{group!r}]: {path}.handles: {error}", hint=hint, id="events.E010")]
    if subscriber.overlap > 1 and (subscriber.ordered or subscriber.transactional):
        hint = "Set overlap to 1: batches in several threads can't be ordered or share a transaction."
        return [Error(f"EVENTS_SUBSCRIBERS[{group!r}]: {path} overlaps batches", hint=hint, id="events.E015")]
    return []


@register(TAG)
def check_aggregates(**_: Any) -> Sequence[CheckMessage]:
    return [error for name, path in conf.aggregates.items() for error in _check_aggregate(name, path)]


def _check_aggregate(name: str, path: str) -> Sequence[CheckMessage]:
    try:
        aggregate = import_string(path)
    except ImportError as error:
        return [Error(f"EVENTS_AGGREGATES[{name!r}]: {error}", id="events.E012")]
    if not (isinstance(aggregate, type) and issubclass(aggregate, Aggregate)):
        hint = "Derive the class from events.aggregates.Aggregate."
        return [Error(f"EVENTS_AGGREGATES[{name!r}]: {path} is not an Aggregate", hint=hint, id="events.E013")]
    return []


@register(TAG)
def check_metadata(**_: Any) -> Sequence[CheckMessage]:
    if not conf.metadata:
        return []
    hint = "Set it to the dotted path of a function that takes no arguments and returns a dict of names and texts."
    try:
        hook = import_string(conf.metadata)
    except ImportError as error:
        return [Error(f"EVENTS_METADATA: {error}", hint=hint, id="events.E011")]
    if not callable(hook):
        return [Error(f"EVENTS_METADATA: {conf.metadata} can't be called", hint=hint, id="events.E011")]
    return []


@register(TAG, Tags.database)
def check_partitions(*, databases: Sequence[str] | None, **_: Any) -> Sequence[CheckMessage]:
    if not databases:
        return []
    try:
        if Partition._meta.db_table not in connections[databases[0]].introspection.table_names():
            return []
        count = Partition.objects.count()
    except OperationalError:  # The process waits for its database; the next start checks again.
        return []
    if count in {0, conf.partitions}:
        return []
    hint = f"Set EVENTS_PARTITIONS to {count}: the first migration has fixed the number."
    return [Error(f"EVENTS_PARTITIONS is {conf.partitions}, the database has {count}", hint=hint, id="events.E004")]


@register(TAG, Tags.database)
def check_database(*, databases: Sequence[str] | None, **_: Any) -> Sequence[CheckMessage]:
    """Refuse database settings under which events could be lost."""
    if not databases:
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
