"""The log of the processes that start before the application and outlive its releases: the main one, and the keeper.

They read LOG_FORMAT by themselves: new workers are copies of the main process, and would have config/settings.py as it
was when that started.
"""

import logging.config
import os
from typing import Any

JSON = {"()": "config.logs.json_lines.JSONFormatter"}
LINES = {"format": "{asctime} {levelname} {name} {message}", "style": "{"}


def configuration() -> dict[str, Any]:
    """Return what granian is given for its own lines; in workers, the application's log takes over."""
    form = JSON if os.environ.get("LOG_FORMAT", "").strip().lower() == "json" else LINES
    logger = {"handlers": ["console"], "level": "INFO", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"generic": form},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "generic"}},
        "loggers": {"_granian": logger, "granian.access": logger},
        "root": {"handlers": ["console"]},
    }


def configure() -> None:
    logging.config.dictConfig(configuration())
