"""The project's settings with more patience: a test says itself when it tests that something comes too late."""

from config.settings import *  # noqa: F403

EVENTS_FLUSH_TIMEOUT_SECONDS = 5.0
READMODEL_CONSISTENCY_SECONDS = 30.0
