"""Write the log so that each line is one of ours: no text of a stranger begins one, or moves a terminal's cursor."""

import logging
from http import HTTPStatus

from events.texts.printable import printable

CONTINUED = "\n    | "


class LineFormatter(logging.Formatter):
    """Marks the further lines of a traceback, and of a text that has several, so that they pass for no other record."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record)).replace("\n", CONTINUED)


class RefusalFilter(logging.Filter):
    """A refused request has no traceback: it is no bug, and anybody can cause them as often as they like."""

    def filter(self, record: logging.LogRecord) -> bool:
        if HTTPStatus.BAD_REQUEST <= getattr(record, "status_code", 0) < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True
