"""The project's settings with more patience: a test says itself when it tests that something comes too late."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = ["tests.emptying", *INSTALLED_APPS]  # Its commands `flush` and `migrate` come before Django's.
EVENTS_FLUSH_TIMEOUT_SECONDS = 30.0
READMODEL_CONSISTENCY_SECONDS = 30.0
