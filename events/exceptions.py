"""What can go wrong on an event's way. The type of an exception is the policy; its docstring is the message."""

from collections.abc import Mapping
from uuid import UUID


class EventError(Exception):
    """An event could not go on its way."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class NotInTransaction(EventError):
    """record() needs a transaction: put the change and its events into one `with unit_of_work():` block."""


class EventTooLarge(EventError):
    """The event's JSON is larger than EVENTS_MAX_EVENT_BYTES: let it refer to the large part, or raise the limit."""


class MetadataRefused(EventError):
    """EVENTS_METADATA returned an attribute that an envelope can't carry."""


class Transient(EventError):
    """What passes, by itself or when somebody mends a server: a consumer keeps its batch and tries again later."""


class VersionTaken(Transient):
    """Another transaction recorded this version of the aggregate first: load it again and repeat the change."""


class RetryLater(Transient):
    """A handler can't do its work now but will be able to: the batch is kept and tried again, with growing pauses."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: float = 0) -> None:
        """Take what the other side asks for: how long the pause is at least."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unprocessable(EventError):
    """A handler will never be able to handle this event: it is parked as a dead letter, and the next ones go on."""


class AttemptFailed(Transient):
    """A handler failed with an event, for a reason that is no policy: it is tried again, a few times."""


class PartlyHandled(EventError):
    """Some events of the batch could not be handled, all others were."""

    def __init__(self, failures: Mapping[UUID, Exception]) -> None:
        """Take why each of them was not handled, by the event's id."""
        super().__init__(f"{len(failures)} events of the batch failed, first: {next(iter(failures.values()))}")
        self.failures = failures


class UnknownEventType(Unprocessable):
    """No event class is registered under this name."""


class UnknownEventVersion(RetryLater):
    """The event was written by a newer release than this one: it waits until this process is upgraded."""


class TargetLost(Transient):
    """What the events were written into is gone (an index was deleted): the subscriber is opened anew."""


class StreamUnavailable(Transient):
    """Redis does not answer, or refuses to write; the log keeps the events until it does."""


class GroupLost(Transient):
    """The consumer group is gone (the stream was wiped or deleted): it is created again at the checkpoint."""


class Diverged(Transient):
    """The stream ends with an entry that is not this log's: nothing is appended until the stream is reset."""


class LeaseLost(Transient):
    """Another process owns the partition now: what this one has in hand moves no checkpoint."""


class CheckpointMissing(EventError):
    """A declared group has no checkpoint: run it once, or take it out of EVENTS_SUBSCRIBERS if it is no more."""
