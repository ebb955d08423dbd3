"""Write the log so that each line is one of ours: no text of a stranger begins one, or moves a terminal's cursor."""

import logging

from config.logs.private import PrivateFormatter, without_details
from events.texts.printable import printable

CONTINUED = "\n    | "


class LineFormatter(PrivateFormatter):
    """Marks the further lines of a traceback, and of a text that has several, so that they pass for no other record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is Python's)
        record.message = without_details(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record)).replace("\n", CONTINUED)
