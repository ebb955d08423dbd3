"""The value of Django's LOGGING, and the function that applies it (LOGGING_CONFIG)."""

import logging.config
from collections.abc import Mapping
from typing import Any

from config.logs.uncaught import log_what_is_uncaught

LINES, JSON = "lines", "json"
FORMATS = (LINES, JSON)
FORMATTERS: Mapping[str, Mapping[str, str]] = {
    LINES: {
        "class": "config.logs.lines.LineFormatter",
        "format": "{asctime} {levelname} {name}{correlation} {message}",
        "style": "{",
    },
    JSON: {"class": "config.logs.json_lines.JSONFormatter"},
}


def logging_settings(*, form: str, level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "correlation": {"()": "events.correlation.CorrelationFilter"},
            "refusals": {"()": "config.logs.private.RefusalFilter"},
            "queries": {"()": "config.logs.private.QueryFilter"},
        },
        "formatters": FORMATTERS,
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": form, "filters": ["correlation", "refusals"]}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The web server's, which has a handler of its own until the application is loaded.
            "_granian": {"handlers": [], "propagate": True},
            "granian.access": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True, "filters": ["queries"]},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "elastic_transport": {"level": "ERROR"},
            "fontTools": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "opentelemetry": {"level": "ERROR"},  # It warns of each attempt, and of each span that finds no room.
            # They tell each slice of a job.
            "django.tasks": {"level": "WARNING"},
            "django_tasks_db": {"level": "WARNING"},
        },
    }


def configure(settings: Mapping[str, Any]) -> None:
    """Apply the settings; where the log is JSON, nothing else is printed into it."""
    logging.config.dictConfig(dict(settings))
    if settings["handlers"]["console"]["formatter"] == JSON:
        log_what_is_uncaught()
