"""What is checked of the database when a relay or a consumer starts, and by `manage.py check --database default`."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import OperationalError

from events.checks import TAG
from events.doctor.database import check_durability, check_isolation, check_sqlite_mode

IDS = {
    "isolation level": "events.E030",
    "synchronous_commit": "events.E031",
    "SQLite's journal": "events.E032",
    "SQLite's transactions": "events.E033",
}


@register(TAG, Tags.database)
def check_database(*, databases: Sequence[str] | None, **_: Any) -> Sequence[CheckMessage]:
    """Refuse modes in which the log is no log. What does not answer yet is waited for by whoever starts."""
    if not databases:
        return []
    try:
        findings = list(chain(check_isolation(), check_durability(), check_sqlite_mode()))
    except OperationalError:
        return []
    return [
        Error(f"{found.about} is {found.found}", hint=found.remedy, id=IDS[found.about])
        for found in findings
        if found.is_fault
    ]
