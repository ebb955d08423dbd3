"""Leave out of each line what may be personal: values of rows that the database names, and queries of addresses."""

import logging
import re
from collections.abc import Iterator
from http import HTTPStatus
from traceback import TracebackException
from typing import Any

# PostgreSQL's DETAIL has the values of the row, and its CONTEXT those of the statement. `describe` quotes line breaks.
DETAILS = re.compile(r"(?:\n|\\n)(?:DETAIL|CONTEXT):  .*", re.DOTALL)
QUERY = re.compile(r"\?\S*")


def without_details(text: str) -> str:
    """Return a message without the values that the database has added to it."""
    return DETAILS.sub("", text) if ":  " in text else text


def traceback_of(error: BaseException) -> TracebackException:
    """Return the traceback of an exception and of those that caused it, without values of rows."""
    trace = TracebackException.from_exception(error, compact=True)
    for part in _chain(trace):
        vars(part)["_str"] = without_details(str(part))
    return trace


def _chain(trace: TracebackException) -> Iterator[TracebackException]:
    yield trace
    for part in (trace.__cause__, trace.__context__, *(trace.exceptions or ())):
        if part:
            yield from _chain(part)


class PrivateFormatter(logging.Formatter):
    """Formats exceptions without values of rows. Subclasses write the rest."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the name is Python's)
        return "".join(traceback_of(ei[1]).format()).rstrip("\n") if ei[1] else "no exception"


class RefusalFilter(logging.Filter):
    """A refused request has no traceback: it is no bug, and anybody can cause them as often as they like."""

    def filter(self, record: logging.LogRecord) -> bool:
        if HTTPStatus.BAD_REQUEST <= getattr(record, "status_code", 0) < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True


class QueryFilter(logging.Filter):
    """Django's development server logs the first line of each request, with the query, which may be a name."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(QUERY.sub("", text) if isinstance(text, str) else text for text in record.args)
        return True
