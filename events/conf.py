"""The settings of the events with their types and defaults."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, overload

from django.conf import settings


class Setting[T]:
    """A Django setting, or its default. It is read at each access, so that tests can override it."""

    def __init__(self, default: T, *, name: str = "") -> None:
        self.default = default
        self.name = name

    def __set_name__(self, owner: type[Any], name: str) -> None:
        """Take the attribute's name, with the prefix of its class, unless another name was given."""
        self.name = self.name or f"{owner.prefix}_{name.upper()}"

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...

    def __get__(self, instance: object | None, owner: type[Any]) -> Self | T:
        return self if instance is None else getattr(settings, self.name, self.default)


class Conf:
    """`conf.batch_size` is the setting EVENTS_BATCH_SIZE."""

    prefix = "EVENTS"

    database = Setting("default")
    """Alias in DATABASES of the database with the events' tables."""
    stream_url = Setting("redis://localhost:6379/events")
    """DSN of the stream; see `events.stream.dsn`."""
    stream_keys = Setting[Sequence[str]](())
    """Secrets that sign the stream's entries: the first signs, all verify. If empty, SECRET_KEY and its fallbacks."""
    stream_backend = Setting("events.stream.redis_stream.RedisStream")
    """Dotted path of the stream's class, which is an `events.stream.Stream`."""
    source = Setting("/")
    """CloudEvents `source` of this service's events, a URI reference."""
    partitions = Setting(1)
    """Number of partitions with which a database begins when it is first migrated."""
    subscribers = Setting[dict[str, str]]({})
    """Consumer group -> dotted path of its Subscriber class."""
    aggregates = Setting[dict[str, str]]({})
    """Aggregate type -> dotted path of its Aggregate class, whose table is compared with the log."""
    max_event_bytes = Setting(1_000_000)
    """The largest `data` that record() accepts."""
    metadata = Setting("")
    """Dotted path of a function that returns the project's own attributes for the envelopes: name -> text."""
    schema_lock = Setting[str | Path]("event-schemas.json")
    """The file of the events' JSON Schemas, with which check_event_schemas compares the classes."""
    stream_max_length = Setting(100_000)
    """The stream is trimmed to about this many entries: the window on the log."""
    flush_on_commit = Setting(default=True)
    """Whether a request flushes its events itself after its commit; otherwise it only wakes the relay."""
    flush_timeout_seconds = Setting(0.25)
    """How long a request waits for Redis after its commit before it leaves its events to the relay."""
    relay_interval_seconds = Setting(0.5)
    """How often the relay looks for events that nobody has flushed."""
    batch_size = Setting(500)
    """The most events that a consumer hands to its subscriber at once."""
    block_seconds = Setting(1.0)
    """How long an idle consumer waits for the stream before it compares its checkpoint with the log."""
    handler_seconds = Setting(300.0)
    """How long a handler may work without progress before its process is ended, as hung."""
    metrics_server = Setting("")
    """Dotted path of a context manager that serves a process's metrics on a port while the process works."""
    metrics_port = Setting(0)
    """The port of the metrics of a relay, a consumer or another worker, unless --metrics-port says another; 0: none."""
    liveness_file = Setting[str | Path]("")
    """A file that a long-running process touches each second while it goes on; empty: none."""
    setting_names = Setting[dict[str, str]]({})
    """Setting -> the name by which operators set it, for example an environment variable; messages use it."""
    forgotten_file = Setting[str | Path]("")
    """The file of the hashes of forgotten persons. It is outside of the database, and backed up apart from it."""
    forgotten_keys = Setting[Sequence[str]](())
    """Secrets by which persons are hashed: the first hashes, all are known. If empty, SECRET_KEY and its fallbacks."""
    backup_days = Setting(0)
    """How many days backups are kept, which forget_person says; 0: it is not known."""
    feed_clients = Setting(500)
    """How many event streams and waiting readers of the feed a process serves at once."""
    feed_clients_per_reader = Setting(100)
    """How many of these one user may have."""
    feed_heartbeat_seconds = Setting(15.0)
    """How often an event stream of the feed sends a sign of life."""
    feed_patience_seconds = Setting(30.0)
    """How long a client may read nothing of what it is sent before it is disconnected."""


conf = Conf()


def named(setting: str) -> str:
    """Return the name by which operators set the setting."""
    return conf.setting_names.get(setting, setting)
