"""Give each line of the log the ids of the requests that caused it: of the one that is answered, or those of events.

The project puts `CorrelationFilter` on its handlers, and `{correlation}` into its format; one that writes fields has
`correlation_ids`.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST_IDS = 10
"""A batch of events may have hundreds."""

_ids: ContextVar[tuple[str, ...]] = ContextVar("correlation_ids", default=())


@contextmanager
def correlated(ids: Iterable[str]) -> Iterator[None]:
    """Name these ids in all lines of the block; an exception that leaves it keeps them, for `ids_of`."""
    found = tuple(dict.fromkeys(filter(None, ids)))
    entered = _ids.set(found)
    try:
        yield
    except Exception as error:
        vars(error).setdefault("correlation_ids", found)
        raise
    finally:
        _ids.reset(entered)


def ids_of(error: BaseException) -> tuple[str, ...]:
    """Return the ids of the block that the exception has left."""
    found: tuple[str, ...] = vars(error).get("correlation_ids", ())
    return found


class CorrelationFilter(logging.Filter):
    """Give each record `correlation_ids`, and `correlation`: the same in brackets after a space, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Django writes a line about a response after the middleware, and adds the request.
        request = getattr(record, "request", None)
        ids = _ids.get() or tuple(filter(None, [getattr(request, "correlation_id", "")]))
        record.correlation_ids = ids[:MOST_IDS]
        more = ""
        if len(ids) > MOST_IDS:
            record.correlation_ids_left_out = len(ids) - MOST_IDS
            more = f" and {len(ids) - MOST_IDS} more"
        record.correlation = f" [{' '.join(ids[:MOST_IDS])}{more}]" if ids else ""
        return True
