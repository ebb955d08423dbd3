"""The typed events and their registry: a stable name and a schema version for each class."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec

from events.exceptions import UnknownEventType, UnknownEventVersion, Unprocessable
from events.upcasting import upcast

NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time, for the fields of events. It has a time zone, which a reader elsewhere could not guess."""
LONGEST_NAME = 100
HIGHEST_VERSION = 32_767


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A fact about one aggregate, in the past tense, with the aggregate's state after the change.

    A subclass adds its fields, names its aggregate by `subject` and `aggregate_version`, and is registered with
    `event_type`.
    """

    @property
    def subject(self) -> str:
        """The aggregate's id, as text."""
        raise NotImplementedError

    @property
    def aggregate_version(self) -> int:
        """The aggregate's version after the change: 1 for its first event, then the next each time."""
        raise NotImplementedError


class EventType(msgspec.Struct, frozen=True):
    """The name and version of an event class outside of Python: `ticket.canceled`, version 1."""

    name: str
    version: int
    event_class: type[Event]


_by_name: dict[str, EventType] = {}
_by_class: dict[type[Event], EventType] = {}


def aggregate_type_of(name: str) -> str:
    """Return `ticket` of `ticket.canceled`."""
    return name.partition(".")[0]


def event_type[E: type[Event]](name: str, *, version: int = 1) -> Callable[[E], E]:
    """Register a class as `<aggregate type>.<what happened>`, with the current version of its schema.

    Raise ValueError for a name that is taken or malformed, and for a class that has a name already.
    """
    if not (NAME.fullmatch(name) and len(name) <= LONGEST_NAME):
        raise ValueError(
            f"{name!r} is not a name for an event type: write <aggregate type>.<what happened>, "
            f"in at most {LONGEST_NAME} letters, digits, - and _ of ASCII"
        )
    if not 1 <= version <= HIGHEST_VERSION:
        raise ValueError(f"{name!r} has version {version}: versions count from 1 to {HIGHEST_VERSION}")

    def register(event_class: E) -> E:
        if name in _by_name:
            raise ValueError(
                f"{name!r} is registered already, by {_by_name[name].event_class.__qualname__}: "
                "a name has one class, the current one; upcasters convert older versions"
            )
        if event_class in _by_class:
            raise ValueError(f"{event_class.__qualname__} is registered already, as {_by_class[event_class].name!r}")
        _by_name[name] = _by_class[event_class] = EventType(name, version, event_class)
        return event_class

    return register


def type_of(event_class: type[Event]) -> EventType:
    """Return the type that the class is registered as; raise TypeError if it is not."""
    try:
        return _by_class[event_class]
    except KeyError:
        raise TypeError(f"{event_class.__qualname__} is not registered: decorate it with @event_type") from None


def registered_types() -> list[EventType]:
    """Return all event types, by name."""
    return [_by_name[name] for name in sorted(_by_name)]


def name_of(event: type[Event] | str) -> str:
    """Return the name of a class, or a registered name unchanged; raise TypeError or UnknownEventType for others."""
    return _registered(event).name if isinstance(event, str) else type_of(event).name


def current_version(name: str) -> int:
    """Return the current version of the event's schema; raise UnknownEventType."""
    return _registered(name).version


def current_class(name: str) -> type[Event]:
    """Return the class of the events of this name; raise UnknownEventType."""
    return _registered(name).event_class


def decode(name: str, version: int, data: str | bytes) -> Event:
    """Convert JSON to a typed event; raise UnknownEventType, UnknownEventVersion or Unprocessable."""
    registered = _registered(name)
    if version > registered.version:
        raise UnknownEventVersion(f"{name} has version {version}; this release knows up to {registered.version}")
    try:
        if version == registered.version:
            return msgspec.json.decode(data, type=registered.event_class)
        upcasted = upcast(name, version, data, to=registered.version)
        return msgspec.convert(upcasted, registered.event_class, str_keys=True)
    except msgspec.DecodeError as error:
        raise Unprocessable(f"{name} version {version}: {error}") from error


def _registered(name: str) -> EventType:
    try:
        return _by_name[name]
    except KeyError:
        raise UnknownEventType(f"no event class is registered as {name!r}") from None
