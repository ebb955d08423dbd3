"""Exceptions of the read model: searches that can't be made or continued, and documents that can't be written."""

from collections.abc import Mapping

from events.exceptions import RetryLater


class InvalidSearch(ValueError):
    """The search has invalid parameters; `errors` has a message for each of them."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{parameter}: {message}" for parameter, message in errors.items()))
        self.errors = errors


class PointInTimeLost(Exception):
    """The state of the index in which the search began is no longer kept."""


class TooManyCursors(Exception):
    """The user follows as many searches by cursors as READMODEL_CURSORS_PER_USER allows."""


class StateNotReached(Exception):
    """The index lacks what a consistency token names; a later attempt may find it."""


class EventParked(StateNotReached):
    """An event that a consistency token names is a dead letter, so waiting does not bring it into the index."""


class LeftAlone(RetryLater):
    """Elasticsearch has not answered several requests in a row, so for a few seconds it is not asked."""


class TooManyWaiting(RetryLater):
    """As many requests as READMODEL_MAX_WAITING allows wait for Elasticsearch already."""


class SearchRefused(RetryLater):
    """The cluster does not allow this search: an operator must set search.allow_expensive_queries to true."""


class VersionRaisedByHand(RetryLater):
    """The stored document has a version that does not fit its content, and so refuses newer states."""
