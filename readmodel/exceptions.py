"""Why a search is not made or not continued, or a document not written."""

from collections.abc import Mapping

from events.exceptions import RetryLater


class InvalidSearch(ValueError):
    """A search that is not made; `errors` says by parameter why."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{parameter}: {message}" for parameter, message in errors.items()))
        self.errors = errors


class PointInTimeLost(Exception):
    """The tickets are not kept any more as they were when the search began."""


class StateNotReached(Exception):
    """The index does not have in time what a consistency token names; somewhat later it may."""


class EventParked(StateNotReached):
    """An event that a consistency token names is a dead letter: no waiting brings it into the index."""


class VersionRaisedByHand(RetryLater):
    """The stored document refuses a newer state by a version that its content does not bear out."""
