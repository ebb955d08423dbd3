"""The project with a feed that is quick to look after its clients."""

from tests.settings import *  # noqa: F403

EVENTS_FEED_HEARTBEAT_SECONDS = 0.5
EVENTS_FEED_PATIENCE_SECONDS = 2.0
EVENTS_FEED_CLIENTS = 60
