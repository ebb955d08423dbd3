"""The base of the commands that run for ever."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS

from events.checks import TAG


class Worker(BaseCommand):
    """Runs only the checks of the events, with those of the database: others would load the whole web application."""

    requires_system_checks = [TAG]

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]  # noqa: ARG002
        return {"tags": self.requires_system_checks, "databases": [DEFAULT_DB_ALIAS]}
