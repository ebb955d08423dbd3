"""The project's settings, with a short heartbeat and patience of the feed."""

from tests.settings import *  # noqa: F403

EVENTS_FEED_HEARTBEAT_SECONDS = 0.5
EVENTS_FEED_PATIENCE_SECONDS = 2.0
EVENTS_FEED_CLIENTS = 60
READMODEL_CONSISTENCY_SECONDS = 2.0
