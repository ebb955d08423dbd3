"""What a consumer group runs: a subscriber, named in the setting EVENTS_SUBSCRIBERS."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.conf import conf
from events.envelope import Envelope


class Subscriber(ABC):
    """Handles the events of one consumer group, in order, at least once each."""

    def open(self) -> str:
        """Make ready to handle, and return the target's identity, which the checkpoints belong to.

        A target that was not seen before is fed from the start of the log; one that is always the same is "".
        Called when the consumer starts and after TargetLost. May raise RetryLater.
        """
        return ""

    @abstractmethod
    def handle(self, batch: Sequence[Envelope]) -> None:
        """Do the events' effects; they may be repeated, so an effect must be idempotent.

        Raise RetryLater to keep the batch, Unprocessable if one of its events can never be handled (the batch is
        then split until that event is alone, and parked), TargetLost if `open` must be called again.
        """

    def close(self) -> None:  # noqa: B027 (most have nothing to close)
        """Let go of connections; called once, when the consumer stops."""


def load_subscriber(group: str) -> Subscriber:
    """Make the subscriber of a group; raise ImproperlyConfigured for a group that nobody declared."""
    subscribers = conf.subscribers
    if group not in subscribers:
        known = ", ".join(sorted(subscribers)) or "none"
        raise ImproperlyConfigured(f"there is no group {group!r} in EVENTS_SUBSCRIBERS; known groups: {known}")
    return import_string(subscribers[group])()  # type: ignore[no-any-return]
