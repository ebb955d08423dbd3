"""The typed events and their registry: a stable name and a schema version for each class."""

from collections.abc import Callable

import msgspec

from events.exceptions import UnknownEventType, UnknownEventVersion, Unprocessable


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A fact about one aggregate, in the past tense, with the aggregate's state after the change.

    A subclass adds its fields, says which aggregate it tells of, and is registered with `event_type`.
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
    """What an event class is known as outside of Python: `ticket.canceled`, version 1."""

    name: str
    version: int
    event_class: type[Event]


_by_name: dict[str, EventType] = {}
_by_class: dict[type[Event], EventType] = {}


def aggregate_type_of(name: str) -> str:
    """Return `ticket` of `ticket.canceled`."""
    return name.partition(".")[0]


def event_type[E: type[Event]](name: str, *, version: int = 1) -> Callable[[E], E]:
    """Register a class as `<aggregate type>.<what happened>`; raise ValueError for a taken or malformed name."""
    if not all(name.partition(".")):
        raise ValueError(f"{name!r} names no event type: it must read <aggregate type>.<what happened>")

    def register(event_class: E) -> E:
        if name in _by_name:
            raise ValueError(f"{name!r} is registered already, by {_by_name[name].event_class.__qualname__}")
        _by_name[name] = _by_class[event_class] = EventType(name, version, event_class)
        return event_class

    return register


def type_of(event: Event) -> EventType:
    """Return the type that the event's class is registered as; raise TypeError if it is not."""
    try:
        return _by_class[type(event)]
    except KeyError:
        raise TypeError(f"{type(event).__qualname__} is not registered: decorate it with @event_type") from None


def decode(name: str, version: int, data: str | bytes) -> Event:
    """Make the typed event of its JSON; raise UnknownEventType, UnknownEventVersion or Unprocessable."""
    registered = _by_name.get(name)
    if registered is None:
        raise UnknownEventType(f"no event class is registered as {name!r}")
    if version > registered.version:
        raise UnknownEventVersion(f"{name} has version {version}; this release knows up to {registered.version}")
    try:
        return msgspec.json.decode(data, type=registered.event_class)
    except msgspec.DecodeError as error:
        raise Unprocessable(f"{name}: {error}") from error
