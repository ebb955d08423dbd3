"""The exceptions of the events. An exception's type decides what happens next; its docstring is its message."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import OperationalError

from events.texts.storable import storable

LONGEST_TEXT = 20_000


def text_of(error: BaseException) -> str:
    """Return the message of any exception as storable text, 20,000 characters at most, also if its `__str__` fails."""
    try:
        return storable(str(error))[:LONGEST_TEXT]
    except Exception:  # noqa: BLE001 (it may raise anything)
        return "its message can't be shown"


def describe(error: BaseException) -> str:
    """Return the exception's type and message on one line: a message must not forge lines of a log."""
    return f"{type(error).__name__}({text_of(error)!r})"


class EventError(Exception):
    """An event could not be recorded, relayed or handled."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class NotInTransaction(EventError):
    """record() needs a transaction: put the change and its events into one `with unit_of_work():` block."""


class EventTooLarge(EventError):
    """The event's JSON is larger than EVENTS_MAX_EVENT_BYTES: store the large part elsewhere, or raise the limit."""


class EventRefused(EventError):
    """The event does not fit its own class, so no reader could read it: correct the field."""


class MetadataRefused(EventError):
    """EVENTS_METADATA returned an attribute that an envelope can't carry."""


class Transient(EventError):
    """A failure that passes by itself or once a server is repaired: a consumer keeps its batch and tries again."""


class VersionTaken(Transient):
    """Another transaction recorded this version of the aggregate first: load it again and repeat the change."""


class RetryLater(Transient):
    """A handler can't do its work now, but will be able to: the batch is kept and tried again, with growing pauses."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: float = 0) -> None:
        """`retry_after_seconds` is the shortest pause that the other side asks for."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unprocessable(EventError):
    """A handler will never be able to handle this event: it is parked as a dead letter, and the next ones go on."""


class PartitionsMissing(Transient, OperationalError):
    """The database has no partitions of the log yet: run manage.py migrate."""


class AttemptFailed(Transient):
    """A handler failed with an unexpected exception: the event is tried again a few times, then parked."""


class HandlerHung(EventError):
    """The handler made no progress for EVENTS_HANDLER_SECONDS: its process was ended, and its log has the stacks."""


class PartlyHandled(EventError):
    """Some events of the batch could not be handled; all others were."""

    def __init__(self, failures: Mapping[UUID, Exception]) -> None:
        """`failures` has the reason of each event that was not handled, by the event's id."""
        super().__init__(f"{len(failures)} events of the batch failed, first: {text_of(next(iter(failures.values())))}")
        self.failures = failures


class UnknownEventType(Unprocessable):
    """No event class is registered under this name."""


class UnknownEventVersion(RetryLater):
    """The event was written by a newer release than this one: it waits until this process is upgraded."""


class TargetLost(Transient):
    """The target of the events is gone (an index was deleted): the subscriber is opened again."""


class StreamError(Transient):
    """The stream can't be used; `partitions` are those for which that is known, none if it holds for all."""

    partitions: Collection[int] = ()


class StreamUnavailable(StreamError):
    """Redis does not answer, or refuses to write; the log keeps the events until Redis is back."""

    def __init__(self, message: str | None = None, *, remedy: str = "") -> None:
        """`remedy` says what to do, if that is known; the message ends with it."""
        self.found = (message or (self.__doc__ or "")).rstrip(".")
        super().__init__(f"{self.found}: {remedy}" if remedy else message)
        self.remedy = remedy


class StreamFull(StreamUnavailable):
    """Redis has no memory for more entries; the relay shortens the stream, whose events stay in the log."""


class Unmigrated(Transient):
    """The database lacks a migration of this release: run manage.py migrate."""


class GroupLost(StreamError):
    """The consumer group is gone (the stream was wiped or deleted): it is created again at the checkpoint."""


class Diverged(Transient):
    """The log lacks an event that we sent: it was restored, and stands still until manage.py reset_stream has run."""


class ForeignEntries(Transient):
    """The stream has entries that are not ours: manage.py relay_events will take them away."""


class UnknownSigningKey(Transient):
    """The database does not know the key that signs here: foreign entries are not taken away until it does."""


class PeopleReturned(Transient):
    """The database was restored from a backup, and has persons again who were forgotten since: forget them first."""


class LeaseLost(Transient):
    """Another process owns the partition now: what is still in flight here moves no checkpoint."""


class CheckpointMissing(EventError):
    """A declared group has no checkpoint: run it once, or remove it from EVENTS_SUBSCRIBERS if it is gone."""
