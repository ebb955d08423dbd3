"""The interface of the stream, a window on the log, whichever server stores it.

In:   envelopes with positions, from events/relay/flush.py.
Out:  entries with the ids `<position>-0`, each appended once, in order.
Next: events/consumer/consumer.py
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.module_loading import import_string

from events.conf import conf
from events.envelope import Envelope
from events.exceptions import StreamUnavailable
from events.log.partitions import layout
from events.processes.optional_packages import without_packages
from events.stream.dsn import StreamDSN
from events.stream.tail import Tail

TIMEOUT_SECONDS = 5.0
EXAMINED = "examined_master"
"""No name of INFO: Valkey says there that its `server_name` is valkey."""

FORMER_PATHS = {"events.redis_stream.RedisStream": "events.stream.redis_stream.RedisStream"}
"""Dotted paths of backends in the settings of earlier releases, and where the backends are now."""


class Entry(NamedTuple):
    """An entry as it was read; the envelope is None for a foreign entry, which is not to be believed."""

    id: str
    envelope: Envelope | None
    fields: Mapping[str, str] = {}
    """The fields of a foreign entry, without the MAC."""


class Stream(ABC):
    """The stream of one DSN: one key per partition, named `<stream>:<partition>`.

    If the log began with one partition, that one's key is `<stream>`, also after it was repartitioned.

    The server may lose entries, at the end, in the middle or all of them, and may be away for a while; it never changes
    their order and never repeats one. Every method raises StreamUnavailable if the server does not answer.
    tests/contracts/stream.py tests every implementation against this description.
    """

    def __init__(self, dsn: StreamDSN, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.dsn = dsn
        self.timeout_seconds = timeout_seconds

    @classmethod
    def of(cls, dsn: StreamDSN, *, timeout_seconds: float) -> "Stream":
        """Return a client for the kind of server that the DSN names."""
        return cls(dsn, timeout_seconds=timeout_seconds)

    def key(self, partition: int) -> str:
        is_the_only_first = partition == 0 and all(layout()[1:])
        return self.dsn.stream if is_the_only_first else f"{self.dsn.stream}:{partition}"

    def server_of(self, partition: int) -> str:  # noqa: ARG002 (here all have the same one)
        """Return the name of the server that has the partition, as far as it is known: with it others are away too."""
        return ""

    def servers(self) -> Sequence[str]:
        """Return the names of the servers, if the partitions are spread over several; raise StreamUnavailable."""
        return []

    def unreachable(self) -> Mapping[str, StreamUnavailable]:
        """Return the errors of the servers that do not answer while others do, by name; they are not asked again.

        Raise StreamUnavailable if none answers.
        """
        return {}

    @abstractmethod
    def append(
        self, partition: int, expected: Tail, envelopes: Sequence[Envelope], *, generation: int | None = None
    ) -> Tail:
        """Append all envelopes if the stream ends with the expected entry, otherwise none; return its end afterwards.

        Comparing and appending are one atomic step. A stream that was trimmed to nothing still knows its last
        position, but not the event. The entries are signed as of the partition's generation; None reads it from the
        database. Raise StreamFull if the server has no memory for the envelopes.
        """

    @abstractmethod
    def tail(self, partition: int) -> Tail:
        """Return the stream's end: EMPTY if it never had an entry, an event id of FOREIGN after a foreign entry."""

    @abstractmethod
    def create_group(self, partition: int, group: str, *, after: int) -> None:
        """Create the consumer group, which reads from after the position, unless it exists."""

    @abstractmethod
    def read(
        self, group: str, consumer: str, partitions: Sequence[int], *, count: int, block_seconds: float
    ) -> dict[int, list[Entry]]:
        """Return the group's next entries by partition; raise GroupLost if the group is gone.

        An error that holds only for some of the partitions names them, and nothing was read then.
        Wait at most `block_seconds` for the first entry, and not at all if that is 0. Entries stay pending for the
        consumer until they are acknowledged or the group is rewound.
        """

    @abstractmethod
    def rewind(self, partition: int, group: str, *, after: int) -> None:
        """Let the group read from after the position, with nothing pending; raise GroupLost if the group is gone."""

    @abstractmethod
    def acknowledge(self, partition: int, group: str, entry_ids: Sequence[str]) -> None:
        """Remove the entries from the group's pending list."""

    @abstractmethod
    def entries(self, partition: int, *, after: str, count: int, block_seconds: float = 0) -> list[Entry]:
        """Return up to `count` entries above an entry id; wait up to `block_seconds` for the first."""

    @abstractmethod
    def last_entries(self, partition: int, *, count: int, before: str = "") -> list[Entry]:
        """Return the newest `count` entries, or the newest below an entry id, oldest first."""

    @abstractmethod
    def has_entry(self, partition: int, *, after: int, block_seconds: float) -> bool:
        """Wait up to `block_seconds` for an entry above the position, ours or not; tell whether there is one."""

    @abstractmethod
    def last_own(self, partition: int) -> Tail | None:
        """Return the last entry that we have signed, None if the last EVENTS_STREAM_MAX_LENGTH entries have none.

        It may be of a later generation than the database knows, if that was restored from a backup.
        """

    @abstractmethod
    def length(self, partition: int) -> int:
        """Return how many entries the stream has: about EVENTS_STREAM_MAX_LENGTH at most."""

    @abstractmethod
    def memory_usage(self, partition: int) -> int | None:
        """Return how many bytes the stream takes; None if the server does not say."""

    @abstractmethod
    def trim(self, partition: int, *, length: int) -> int:
        """Remove the oldest entries until exactly `length` are left; return how many were removed."""

    @abstractmethod
    def pending(self, partition: int, group: str) -> int:
        """Return how many entries the group has read and not acknowledged; 0 if there is no such group."""

    @abstractmethod
    def information(self) -> Mapping[str, str]:
        """Return the server's own description, with the names of Redis's INFO: `redis_version`, `role` and so on.

        If there are several servers, it is that of one of them, whose name is added as EXAMINED.
        """

    @abstractmethod
    def refused_commands(self) -> list[str] | None:
        """Return the commands we use that the server does not allow this user; None if the server does not say."""

    @abstractmethod
    def clock(self) -> datetime:
        """Return the server's time."""

    @abstractmethod
    def delete(self, partition: int) -> None:
        """Delete the key: the stream with its groups, or whatever else it holds."""

    @abstractmethod
    def delete_ending(self, partition: int, tail: Tail) -> bool:
        """Delete the key if the stream has this end; tell whether it had. This is one atomic step."""

    def rewrite_file(self) -> bool:
        """Let the server write its file anew, without what was deleted; tell whether it does and may."""
        return False

    @abstractmethod
    def wake(self) -> None:
        """Wake all waiting relays; a busy one will look once more."""

    @abstractmethod
    def wait_for_wake(self, seconds: float) -> None:
        """Return on a wake-up, or after so many seconds; a wake-up since the last call counts."""

    @abstractmethod
    def ping(self) -> None:
        """Raise StreamUnavailable if the server does not answer."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


def stream_backend() -> Any:
    """Return the class that EVENTS_STREAM_BACKEND names; raise ImportError if it does not exist."""
    path = conf.stream_backend
    with without_packages("opentelemetry.sdk"):  # Redis's client loads it to measure; events/measuring does that.
        return import_string(FORMER_PATHS.get(path, path))


def open_stream(*, timeout_seconds: float = TIMEOUT_SECONDS) -> Stream:
    """Create a client of the configured stream."""
    backend: type[Stream] = stream_backend()
    return backend.of(StreamDSN.parse(conf.stream_url), timeout_seconds=timeout_seconds)
