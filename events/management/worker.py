"""The base of the commands that run for ever."""

from typing import Any

from events import database
from events.checks import TAG
from events.management.command import BaseCommand


class Worker(BaseCommand):
    """Runs only the checks of the events, with those of the database: others would load the whole web application."""

    requires_system_checks = [TAG]

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]  # noqa: ARG002
        return {"tags": self.requires_system_checks, "databases": [database.alias()]}
