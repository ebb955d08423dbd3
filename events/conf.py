"""The settings of the events, typed, with their defaults; read when asked for, so that tests may override them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings


class Conf:
    """`conf.batch_size` is the setting EVENTS_BATCH_SIZE, or its default here."""

    stream_url: str = "redis://localhost:6379/events"
    """DSN of the stream; see `events.stream.dsn`."""
    stream_backend: str = "events.stream.redis_stream.RedisStream"
    """Dotted path of the class that speaks to the stream, an `events.stream.interface.Stream`."""
    source: str = "/"
    """CloudEvents `source` of this service's events, a URI reference."""
    partitions: int = 1
    """Number of partitions, fixed when the database is first migrated."""
    subscribers: dict[str, str] = {}
    """Consumer group -> dotted path of its Subscriber class."""
    aggregates: dict[str, str] = {}
    """Aggregate type -> dotted path of its Aggregate class, whose table is compared with the log."""
    max_event_bytes: int = 1_000_000
    """The largest `data` that record() takes."""
    metadata: str = ""
    """Dotted path of a callable that returns attributes of the project's own for the envelopes, name -> text."""
    schema_lock: str | Path = "event-schemas.json"
    """The file of the events' JSON Schemas, which check_event_schemas compares with the classes."""
    stream_max_length: int = 100_000
    """The stream is trimmed to about so many entries: the window on the log."""
    flush_on_commit: bool = True
    """A request flushes its events itself after its commit; false: it only wakes the relay."""
    flush_timeout_seconds: float = 0.25
    """How long a request waits for Redis after its commit before it leaves its events to the relay."""
    relay_interval_seconds: float = 0.5
    """How often the relay looks for events that were left over."""
    batch_size: int = 500
    """How many events a consumer hands to its subscriber at once, at most."""
    block_seconds: float = 1.0
    """How long an idle consumer waits for the stream before it compares its checkpoint with the log."""
    feed_clients: int = 500
    """How many streams and waiting readers of the feed a process serves at once."""
    feed_heartbeat_seconds: float = 15.0
    """How often a stream of the feed says that it is alive."""
    feed_patience_seconds: float = 30.0
    """How long a client may take nothing of what it is sent before it is cut off."""

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            default = object.__getattribute__(self, name)
            return default if name.startswith("_") else getattr(settings, f"EVENTS_{name.upper()}", default)


conf = Conf()
