"""The base classes of subscribers. A consumer group runs the one that EVENTS_SUBSCRIBERS names."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future
from functools import cache
from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from events.conf import conf
from events.envelope import Envelope
from events.event import Event, name_of
from events.personal_data import Leftover, Person, Sighting
from events.processes.progress import progress
from events.recording.collector import caused_by

__all__ = ["EventSubscriber", "Subscriber", "handled_names", "load_subscriber", "progress"]


class Subscriber(ABC):
    """Handles the events of one consumer group, in order, at least once each."""

    handles: ClassVar[Collection[type[Event] | str] | None] = None
    """The events that it handles, as classes or names; all others are skipped unread. None: all events."""
    ordered: ClassVar[bool] = False
    """Whether later events of an aggregate wait behind a parked one. Not needed if the newest state repairs all."""
    transactional: ClassVar[bool] = False
    """Whether its effects are in our database and share the checkpoint's transaction: they happen exactly once."""
    overlap: ClassVar[int] = 1
    """How many batches may be in flight at once, in threads; more than 1 only without an order and a transaction."""
    begins_at_end: ClassVar[bool] = False
    """Whether its first target, if it is new, begins at the log's end: for one without effects of its own."""
    max_attempts: ClassVar[int] = 5
    """How often an event that raises an unexpected exception is tried before it is parked."""

    def open(self) -> str:
        """Prepare to handle events, and return the target's identity, to which the checkpoints belong.

        A new target is fed from the start of the log; a target that never changes is "".
        Called when the consumer starts and after TargetLost. May raise RetryLater.
        """
        return ""

    def further_targets(self) -> Sequence["Subscriber"]:
        """Return the subscribers of the group's further targets, each with its own checkpoints; called after `open`.

        They get the same events from the log, after this one, and delay neither it nor one another. They are asked for
        again each second, after `check`: one that is new is fed, one that is returned no more is fed no longer, and
        the others are the same objects as before.
        """
        return ()

    def has_target(self, target: str) -> bool:  # noqa: ARG002 (most have one that stays)
        """Tell whether a former target still exists; the checkpoints of one that does not are deleted.

        Called after `open`. May raise RetryLater.
        """
        return True

    def examine(self) -> Iterable[tuple[str, str]]:
        """Return the faults of the targets, each with its remedy; called by `doctor`, without `open`.

        May raise RetryLater.
        """
        return ()

    def check(self, partitions: Collection[int]) -> None:  # noqa: B027 (most have nothing that could go)
        """Raise TargetLost if the target that `open` returned is gone; called each second, also while idle.

        Events wait for it: what takes longer belongs into a thread, and its result into the next call. `partitions` are
        those that the process owns: background work should be limited to them. Events that were written meanwhile into
        another target of the same name are not lost: the new one is fed from the start.
        """

    def settle(self) -> None:  # noqa: B027 (most do nothing in the background)
        """Return once nothing that `check` has begun is running; called while the group is paused."""

    @abstractmethod
    def handle(self, batch: Sequence[Envelope]) -> None:
        """Carry out the events' effects. A batch may be delivered again, so an effect must be idempotent.

        Raise RetryLater to keep the batch, TargetLost if `open` must be called again, PartlyHandled to say which events
        failed and why (after a failed event, an ordered subscriber skips the later events of its aggregate).
        Unprocessable means that one of the events can never be handled; any other exception, that one has failed. The
        batch is then split until that event is alone, and the event is parked at once or after `max_attempts`.

        A call that may take minutes reports its `progress()`, from any thread: the process of a handler that makes none
        for EVENTS_HANDLER_SECONDS is ended, and that counts as a failure of the event.
        """

    def begin(self, batch: Sequence[Envelope]) -> Future[None] | None:  # noqa: ARG002 (most are called in threads)
        """Begin to handle the batch without waiting, and return a future that ends as `handle` would.

        For targets that mostly wait for others: a hundred of them then need no hundred threads. None: `handle` is
        called in a thread. Only further targets and those with an overlap are begun. What is in flight when it has to
        be abandoned gets a `cancel()`; the batch is delivered again only once the future has ended.
        """
        return None

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        """Return the events of the batch that this subscriber handles."""
        names = handled_names(type(self))
        return batch if names is None else [envelope for envelope in batch if envelope.type in names]

    def find_effect(self, envelope: Envelope) -> str:  # noqa: ARG002 (most can't tell)
        """Describe the event's effect in a sentence, "" if it is not known; change nothing.

        Called by `trace_event`, beside running consumers, without `open`. May raise RetryLater.
        """
        return ""

    def forget(self) -> None:  # noqa: B027 (most can't)
        """Discard what was written: the log was restored from a backup and no longer has some of its events.

        Called by `reset_stream`, beside running consumers, without `open`. An override also discards the target's
        identity, so that `open` returns a new one, which is fed from the start of the log. May raise RetryLater.
        """

    def rewrite(self, envelopes: Sequence[Envelope]) -> None:  # noqa: B027 (most keep nothing of the events)
        """Replace what was written for these events, which were redacted: a late write of the former data must lose.

        Called by `forget_person`, as `forget` is by `reset_stream`. May raise RetryLater.
        """

    def redact(self, person: Person) -> None:  # noqa: B027
        """Remove the person from what else was written, such as that for events which were compacted away."""

    def sightings(self, person: Person) -> Iterable[Sighting]:  # noqa: ARG002
        """Search all that was written for the person, step by step. May raise RetryLater."""
        return ()

    def leftovers(self) -> Iterable[Leftover]:
        """Tell where data of a forgotten person stay for a while; called after `rewrite` and `redact`."""
        name = type(self).__name__
        written = _("what %(name)s has written or sent") % {"name": name}
        yield Leftover(written, _("it is not known"), _("ask those who have received it"))

    def close(self) -> None:  # noqa: B027 (most have nothing to close)
        """Close connections; called once, when the consumer stops."""


class EventSubscriber(Subscriber):
    """Handles typed events one by one; the events that it records name the handled one as their cause."""

    def handle(self, batch: Sequence[Envelope]) -> None:
        # Decode all first: an event that can't be decoded must not repeat the effects of those before it.
        for envelope, event in [(envelope, envelope.open()) for envelope in batch]:
            with caused_by(envelope):
                self.handle_event(event, envelope)
            progress()

    @abstractmethod
    def handle_event(self, event: Event, envelope: Envelope) -> None:
        """Carry out the effects of one event in its current version; raise as `handle` does."""


@cache
def handled_names(subscriber: type[Subscriber]) -> frozenset[str] | None:
    """Return the names of the events that it handles, None for all; raise TypeError or UnknownEventType."""
    return None if subscriber.handles is None else frozenset(map(name_of, subscriber.handles))


def load_subscriber(group: str) -> Subscriber:
    """Create the subscriber of a group; raise ImproperlyConfigured for a group that is not declared."""
    subscribers = conf.subscribers
    if group not in subscribers:
        known = ", ".join(sorted(subscribers)) or "none"
        raise ImproperlyConfigured(f"EVENTS_SUBSCRIBERS has no group {group!r}; known groups: {known}")
    return import_string(subscribers[group])()  # type: ignore[no-any-return]
