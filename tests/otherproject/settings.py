"""All that a project needs for the events: two apps, a database, and the stream's address."""

import os
from pathlib import Path

SECRET_KEY = "of a test"
INSTALLED_APPS = ["events", "warehouse"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent / "warehouse.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True

EVENTS_STREAM_URL = os.environ["EVENT_STREAM_URL"]
EVENTS_SOURCE = "/warehouse"
EVENTS_PARTITIONS = 2
EVENTS_SUBSCRIBERS = {"shelves": "warehouse.shelves.Shelves"}
