"""The stream as others see it: a window on the log, whichever server keeps it.

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
from events.log.partitions import partition_count
from events.stream.dsn import StreamDSN
from events.stream.tail import Tail

TIMEOUT_SECONDS = 5.0

FORMER_PATHS = {"events.redis_stream.RedisStream": "events.stream.redis_stream.RedisStream"}
"""Where settings of earlier releases look for a backend, and where it is now."""


class Entry(NamedTuple):
    """An entry as it was read; the envelope is None if the entry is not one of ours."""

    id: str
    envelope: Envelope | None
    fields: Mapping[str, str] = {}
    """Of an entry that is not one of ours, all that it has."""


class Stream(ABC):
    """The stream of one DSN: a key per partition, which has just the DSN's name if there is only one.

    Whatever keeps it may lose entries at its end, in the middle or all of them, and may be gone for a while; it never
    changes their order and never repeats one. Every method raises StreamUnavailable if the server does not answer.
    tests/contracts/stream.py holds every implementation to what is written here.
    """

    def __init__(self, dsn: StreamDSN, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.dsn = dsn
        self.timeout_seconds = timeout_seconds

    def key(self, partition: int) -> str:
        return self.dsn.stream if partition_count() == 1 else f"{self.dsn.stream}:{partition}"

    @abstractmethod
    def append(self, partition: int, expected: Tail, envelopes: Sequence[Envelope]) -> Tail:
        """Append all envelopes if the stream ends with the expected entry, or none; return what it ends with now.

        Comparing and appending are one step: whoever else appends does so before or after. A stream that was trimmed
        to nothing still knows its last position, but not the event.
        """

    @abstractmethod
    def tail(self, partition: int) -> Tail:
        """Return what the stream ends with: EMPTY where no entry was yet, the event "foreign" for one not ours."""

    @abstractmethod
    def create_group(self, partition: int, group: str, *, after: int) -> None:
        """Create the consumer group, which reads on after the position, if there is none."""

    @abstractmethod
    def read(
        self, group: str, consumer: str, partitions: Sequence[int], *, count: int, block_seconds: float
    ) -> dict[int, list[Entry]]:
        """Return the group's next entries by partition; raise GroupLost if the group is gone.

        Wait for the first entry so many seconds at most, not at all at 0. What is read is pending for the consumer
        until it is acknowledged, or the group rewound.
        """

    @abstractmethod
    def rewind(self, partition: int, group: str, *, after: int) -> None:
        """Let the group read on after the position, with nothing pending; raise GroupLost if the group is gone."""

    @abstractmethod
    def acknowledge(self, partition: int, group: str, entry_ids: Sequence[str]) -> None:
        """Take the entries off the group's pending list."""

    @abstractmethod
    def entries(self, partition: int, *, after: str, count: int, block_seconds: float = 0) -> list[Entry]:
        """Return up to `count` entries above an entry id, waiting for the first if `block_seconds` is given."""

    @abstractmethod
    def last_entries(self, partition: int, *, count: int, before: str = "") -> list[Entry]:
        """Return the newest `count` entries, or the newest below an entry id, oldest first."""

    @abstractmethod
    def length(self, partition: int) -> int:
        """Return how many entries the stream has: EVENTS_STREAM_MAX_LENGTH at most, or some more."""

    @abstractmethod
    def memory_usage(self, partition: int) -> int | None:
        """Return how many bytes the stream takes; None where the server does not say."""

    @abstractmethod
    def trim(self, partition: int, *, length: int) -> int:
        """Take away the oldest entries until just so many are left, and return how many those were."""

    @abstractmethod
    def pending(self, partition: int, group: str) -> int:
        """Return how many entries the group has read and not acknowledged; 0 if there is no such group."""

    @abstractmethod
    def information(self) -> Mapping[str, str]:
        """Return what the server says of itself, under the names of Redis's INFO: `redis_version`, `role` and so on."""

    @abstractmethod
    def refused_commands(self) -> list[str] | None:
        """Return what the server does not allow this user of all that is asked of it; None where it does not say."""

    @abstractmethod
    def clock(self) -> datetime:
        """Return the server's time."""

    @abstractmethod
    def delete(self, partition: int) -> None:
        """Take away the stream and its groups, or whatever else has its key."""

    @abstractmethod
    def wake(self) -> None:
        """Wake the relays that wait, if there are any; one that is at work then looks once more."""

    @abstractmethod
    def wait_for_wake(self, seconds: float) -> None:
        """Return when a relay is to be woken, or after so many seconds; a wake since the last call counts."""

    @abstractmethod
    def ping(self) -> None:
        """Raise StreamUnavailable if the server does not answer."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connections."""


def stream_backend() -> Any:
    """Return the class that EVENTS_STREAM_BACKEND names; raise ImportError if there is none."""
    path = conf.stream_backend
    return import_string(FORMER_PATHS.get(path, path))


def open_stream(*, timeout_seconds: float = TIMEOUT_SECONDS) -> Stream:
    """Make a client of the configured stream."""
    backend: type[Stream] = stream_backend()
    return backend(StreamDSN.parse(conf.stream_url), timeout_seconds=timeout_seconds)
