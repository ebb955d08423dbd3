"""System checks of the settings, and of the code that they name."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events import database
from events.aggregates import Aggregate, database_of
from events.checks.tags import CODE_TAG, SETTINGS_TAG, TAG
from events.conf import conf
from events.exceptions import UnknownEventType
from events.stream.dsn import StreamDSN
from events.stream.interface import Stream, stream_backend
from events.subscriber import Subscriber, handled_names

SHORTEST_KEY = 32
SOURCE = re.compile(r"[!-~]+")


@register(TAG, SETTINGS_TAG)
def check_stream_url(**_: Any) -> Sequence[CheckMessage]:
    try:
        StreamDSN.parse(conf.stream_url)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="events.E001")]
    return []


@register(TAG, SETTINGS_TAG)
def check_source(**_: Any) -> Sequence[CheckMessage]:
    if SOURCE.fullmatch(conf.source):
        return []
    hint = (
        "CloudEvents wants a URI reference, such as /tickets or https://tickets.example.org; percent-encode the rest."
    )
    return [Error(f"EVENTS_SOURCE can't be {conf.source!r}", hint=hint, id="events.E034")]


@register(TAG, SETTINGS_TAG)
def check_stream_keys(**_: Any) -> Sequence[CheckMessage]:
    if all(len(key) >= SHORTEST_KEY for key in conf.stream_keys):
        return []
    hint = "Write random characters, as in SECRET_KEY; several keys are separated by commas."
    said = f"EVENTS_STREAM_KEYS has a key with fewer than {SHORTEST_KEY} characters"
    return [Error(said, hint=hint, id="events.E018")]


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
    if (found := database_of(aggregate())) != database.alias():
        hint = "Its rows and its events are changed in one transaction: they belong in one database."
        message = f"EVENTS_AGGREGATES[{name!r}]: its rows are in {found!r}, but EVENTS_DATABASE is {database.alias()!r}"
        return [Error(message, hint=hint, id="events.E016")]
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


@register(TAG, SETTINGS_TAG)
def check_handler_seconds(**_: Any) -> Sequence[CheckMessage]:
    seconds = conf.handler_seconds
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return []
    hint = "Set it to how long a handler may work without progress; the default is 300."
    return [Error(f"EVENTS_HANDLER_SECONDS is {seconds!r}, not a number above 0", hint=hint, id="events.E017")]


@register(TAG)
def check_liveness_file(**_: Any) -> Sequence[CheckMessage]:
    if not conf.liveness_file or _can_be_touched(Path(conf.liveness_file)):
        return []
    hint = "Name a file in a folder to which the process may write, or remove the setting."
    return [Error(f"EVENTS_LIVENESS_FILE: {conf.liveness_file} can't be written", hint=hint, id="events.E019")]


def _can_be_touched(file: Path) -> bool:
    return os.access(file if file.exists() else file.parent, os.W_OK) and not file.is_dir()
