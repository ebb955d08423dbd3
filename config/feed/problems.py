"""Define the problems with which the feed refuses a request, each of its own type."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from config.web.answers.problems import Conflict
from events.feed.cursor import CursorAhead, CursorOfAnotherLog, CursorRefused


class UnreadableCursor(Conflict):
    """The cursor can't be read."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "malformed-cursor"


class ForeignCursor(Conflict):
    """The cursor belongs to a log with other partitions; the reader has to start again without it."""

    default_code = "cursor-of-another-log"


class AheadOfLog(Conflict):
    """The reader has events that the log has lost, and must decide what to do with them."""

    default_code = "cursor-ahead"


class TooManyClients(Conflict):
    """The process serves as many waiting clients as it can."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "too-many-clients"
    default_detail = "This server has as many waiting readers as it can serve; try again later, or use another server."
    wait = 5  # DRF's handler sends it as Retry-After.


class TooManyStreams(TooManyClients):
    """The user has as many waiting readers as one user may have."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "too-many-streams"
    default_detail = "You have as many streams and waiting readers here as one user may have; end one of them."


@contextmanager
def refused_cursors() -> Iterator[None]:
    """Turn a CursorRefused into the problem that reports it."""
    try:
        yield
    except CursorOfAnotherLog as error:
        raise ForeignCursor(str(error)) from error
    except CursorAhead as error:
        raise AheadOfLog(str(error)) from error
    except CursorRefused as error:
        raise UnreadableCursor(str(error)) from error
