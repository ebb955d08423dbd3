"""Why the feed refuses a request, each as a problem of its own type."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from config.web.problems import Conflict
from events.feed.cursor import CursorAhead, CursorOfAnotherLog, CursorRefused


class UnreadableCursor(Conflict):
    """What was given as a cursor never was one."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "malformed-cursor"


class ForeignCursor(Conflict):
    """The reader has to begin anew: its cursor belongs to a log with other partitions."""

    default_code = "cursor-of-another-log"


class AheadOfLog(Conflict):
    """The reader has events that the log has lost, and must decide what becomes of them."""

    default_code = "cursor-ahead"


class TooManyClients(Conflict):
    """Each of those who stay takes from what the process has for all requests."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "too-many-clients"
    default_detail = "This server has as many waiting readers as it can take; try again, or another one."
    wait = 5  # DRF's handler makes Retry-After of it.


@contextmanager
def refused_cursors() -> Iterator[None]:
    """Raise the problem that tells of a CursorRefused."""
    try:
        yield
    except CursorOfAnotherLog as error:
        raise ForeignCursor(str(error)) from error
    except CursorAhead as error:
        raise AheadOfLog(str(error)) from error
    except CursorRefused as error:
        raise UnreadableCursor(str(error)) from error
