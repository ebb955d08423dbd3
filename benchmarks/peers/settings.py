"""Settings with the other outboxes installed beside ours, each with a Redis stream as its broker."""

from config.settings import *  # noqa: F403
from config.settings import EVENTS_STREAM_URL, INSTALLED_APPS

REDIS_URL = EVENTS_STREAM_URL.rpartition("/")[0]
INSTALLED_APPS = [*INSTALLED_APPS, "jaiminho", "django_domain_events", "reliable_outbox"]
JAIMINHO_CONFIG = {
    "DEFAULT_CAPTURE_EXCEPTION": print,
    "DELETE_AFTER_SEND": True,
    "PERSIST_ALL_EVENTS": True,
    "PUBLISH_STRATEGY": "keep-order",
}
RELIABLE_OUTBOX = {
    "DESTINATIONS": {
        "default": {
            "BACKEND": "reliable_outbox.destinations.redis.RedisStreamDestination",
            "OPTIONS": {"url": REDIS_URL, "stream": "peers"},
        },
    },
}
