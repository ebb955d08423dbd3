"""The log of the main process, which starts before the application and outlives its releases.

It reads LOG_FORMAT by itself: new workers are its copies, and would have config/settings.py as it was when it started.
"""

import os
from typing import Any

JSON = {"()": "config.logs.json_lines.JSONFormatter"}
LINES = {"format": "{asctime} {levelname} {name} {message}", "style": "{"}


def configuration() -> dict[str, Any]:
    """Return what granian is given for its own lines; in workers, the application's log takes over."""
    form = JSON if os.environ.get("LOG_FORMAT", "").strip().lower() == "json" else LINES
    logger = {"handlers": ["console"], "level": "INFO", "propagate": False}
    return {
        "formatters": {"generic": form},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "generic"}},
        "loggers": {"_granian": logger, "granian.access": logger},
    }
