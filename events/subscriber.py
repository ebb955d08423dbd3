"""What a consumer group runs: a subscriber, named in the setting EVENTS_SUBSCRIBERS."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.conf import conf
from events.envelope import Envelope
from events.event import Event, name_of
from events.recording.collector import caused_by


class Subscriber(ABC):
    """Handles the events of one consumer group, in order, at least once each."""

    handles: ClassVar[Collection[type[Event] | str] | None] = None
    """The events that it is given, as classes or names; the others are passed over unread. None: all."""
    ordered: ClassVar[bool] = False
    """Later events of an aggregate wait behind one that is parked. False: they go on, as the newest state heals."""
    transactional: ClassVar[bool] = False
    """Its effects are in our database, and share a transaction with the checkpoint: they happen exactly once."""
    overlap: ClassVar[int] = 1
    """How many batches may be in hand at once, in threads: more only where neither order nor a transaction matters."""
    max_attempts: ClassVar[int] = 5
    """How often an event is tried that raises what is no policy of ours, before it is parked."""

    def open(self) -> str:
        """Make ready to handle, and return the target's identity, which the checkpoints belong to.

        A target that was not seen before is fed from the start of the log; one that is always the same is "".
        Called when the consumer starts and after TargetLost. May raise RetryLater.
        """
        return ""

    def further_targets(self) -> Sequence["Subscriber"]:
        """Return the subscribers of the group's further targets, each with checkpoints of its own; called after `open`.

        They are given the same events, from the log, after this one, and hold up neither it nor one another. Where
        there are others than before, `check` raises TargetLost.
        """
        return ()

    def has_target(self, target: str) -> bool:  # noqa: ARG002 (most have one that stays)
        """Tell whether a target that this is not fed for now is still there: the checkpoints of one that is gone go.

        Called after `open`. May raise RetryLater.
        """
        return True

    def examine(self) -> Iterable[tuple[str, str]]:
        """Return what is wrong with the targets, each with what mends it; called by `doctor`, without `open`.

        May raise RetryLater.
        """
        return ()

    def check(self, partitions: Collection[int]) -> None:  # noqa: B027 (most have nothing that could go)
        """Raise TargetLost if what `open` returned is gone; called each second, also while nothing happens.

        These are the partitions that the process owns: who has other work to do at rest does that of these alone.
        What was written meanwhile into something else of that name is no loss: the new target is fed from the start.
        """

    @abstractmethod
    def handle(self, batch: Sequence[Envelope]) -> None:
        """Do the events' effects; they may be repeated, so an effect must be idempotent.

        Raise RetryLater to keep the batch, TargetLost if `open` must be called again, PartlyHandled to say which events
        failed and why (after one that failed, an ordered subscriber leaves out the later ones of its aggregate).
        Unprocessable says that one of the events can never be handled, and anything else that it failed: the batch is
        then split until that event is alone, and it is parked, at once or after `max_attempts`.
        """

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        """Return those of the events that it handles."""
        names = handled_names(type(self))
        return batch if names is None else [envelope for envelope in batch if envelope.type in names]

    def find_effect(self, envelope: Envelope) -> str:  # noqa: ARG002 (most can't tell)
        """Say in a sentence what is there of the event's effect, "" if that can't be told; change nothing.

        Called by `trace_event`, beside running consumers, without `open`. May raise RetryLater.
        """
        return ""

    def forget(self) -> None:  # noqa: B027 (most can't)
        """Give up what was written: it came from events that the log, restored from a backup, has no more.

        Called by `reset_stream`, beside running consumers, without `open`. Who overrides it gives up the target's
        identity too, so that `open` returns another one, which is fed from the start of the log. May raise RetryLater.
        """

    def close(self) -> None:  # noqa: B027 (most have nothing to close)
        """Let go of connections; called once, when the consumer stops."""


class EventSubscriber(Subscriber):
    """Handles typed events one by one; what it records meanwhile names the event as its cause."""

    def handle(self, batch: Sequence[Envelope]) -> None:
        # All first: an event that can't be read then costs no repeated effects of those before it.
        for envelope, event in [(envelope, envelope.open()) for envelope in batch]:
            with caused_by(envelope):
                self.handle_event(event, envelope)

    @abstractmethod
    def handle_event(self, event: Event, envelope: Envelope) -> None:
        """Do the effects of one event, lifted to the current version; raise as `handle` does."""


@cache
def handled_names(subscriber: type[Subscriber]) -> frozenset[str] | None:
    """Return the names of the events that it handles, None for all; raise TypeError or UnknownEventType for others."""
    return None if subscriber.handles is None else frozenset(map(name_of, subscriber.handles))


def load_subscriber(group: str) -> Subscriber:
    """Make the subscriber of a group; raise ImproperlyConfigured for a group that nobody declared."""
    subscribers = conf.subscribers
    if group not in subscribers:
        known = ", ".join(sorted(subscribers)) or "none"
        raise ImproperlyConfigured(f"there is no group {group!r} in EVENTS_SUBSCRIBERS; known groups: {known}")
    return import_string(subscribers[group])()  # type: ignore[no-any-return]
