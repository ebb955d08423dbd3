"""Write the log as one JSON object a line, in ASCII, so that any reader takes a line for one record."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from config.logs.private import PrivateFormatter, traceback_of, without_details
from config.logs.values import Plain

LONGEST_LINE = 16_000
"""Docker, and programs that collect its logs, split longer ones."""
LONGEST_TEXTS = (12_000, 4_000, 1_000, 250)
"""How long a text may be: the next one is tried while the line is too long."""
OF_PYTHON = {*vars(logging.makeLogRecord({})), "message", "asctime"}
OF_OTHERS = {"correlation", "request", "server_time"}
"""What filters and Django add for other formatters, or as objects."""
RENAMED = {"status_code": "status"}


class JSONFormatter(PrivateFormatter):
    """The time (UTC), level, logger and message; whatever the caller has given as `extra`; the exception."""

    def format(self, record: logging.LogRecord) -> str:
        line = ""
        for longest in LONGEST_TEXTS:
            line = json.dumps({**_fields(record, Plain(longest)), **({"shortened": True} if line else {})})
            if len(line) <= LONGEST_LINE:
                return line
        return json.dumps({**_head(record, Plain(LONGEST_TEXTS[-1])), "shortened": True})


def _fields(record: logging.LogRecord, plain: Plain) -> dict[str, Any]:
    added = {name: value for name, value in vars(record).items() if name not in OF_PYTHON | OF_OTHERS and value != ()}
    fields = {plain.text(RENAMED.get(name, name)): plain.value(value) for name, value in added.items()}
    head = _head(record, plain)
    return head | {name: value for name, value in fields.items() if name not in head} | _exception(record, plain)


def _head(record: logging.LogRecord, plain: Plain) -> dict[str, Any]:
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname,
        "logger": plain.text(record.name),
        "message": plain.text(without_details(_message(record))),
        "process": record.process,
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (the text of an argument may raise anything)
        return f"{record.msg!s} (its arguments can't be shown)" if isinstance(record.msg, str) else "<no text>"


def _exception(record: logging.LogRecord, plain: Plain) -> dict[str, Any]:
    error = record.exc_info[1] if record.exc_info else None
    shown: dict[str, Any] = {"stack": plain.end_of(record.stack_info)} if record.stack_info else {}
    if error is None:
        return shown
    trace = traceback_of(error)
    return shown | {
        "exception": {
            "type": plain.text(trace.exc_type_str),
            "message": plain.text(str(trace)),
            "stack": plain.end_of("".join(trace.format())),
        }
    }
