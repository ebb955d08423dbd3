"""The stream in Redis: its commands, and a script that compares and appends."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any

import redis

from events.conf import conf
from events.envelope import Envelope
from events.log.partitions import partition_count
from events.measuring.catalogue import APPEND_EVENTS, APPEND_SECONDS, APPENDED
from events.stream.dsn import StreamDSN
from events.stream.entries import RawEntry, encoded, entry_of, own_tail
from events.stream.interface import TIMEOUT_SECONDS, Entry, Stream
from events.stream.redis_client import connect
from events.stream.redis_errors import redis_errors
from events.stream.redis_permissions import commands, refused
from events.stream.scripts import COMPARE_AND_APPEND, COMPARE_AND_DELETE
from events.stream.signing import Signatures
from events.stream.tail import Tail

# No stream has this tail, so appending after it appends nothing and returns the real one.
NOWHERE = Tail(-1, "")
PENDING_AT_ONCE = 1_000
LOOKED_BACK_AT_ONCE = 50


class RedisStream(Stream):
    """The stream in Redis 7.0 or later, or in Valkey; `Stream` documents the methods."""

    append_script = COMPARE_AND_APPEND

    def __init__(self, dsn: StreamDSN, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(dsn, timeout_seconds=min(timeout_seconds, dsn.read_timeout))
        self._connection_seconds = timeout_seconds
        self._signatures_of_groups: dict[int, Signatures] = {}
        self._wake_channel = f"{dsn.stream}:wake"

    @classmethod
    def of(cls, dsn: StreamDSN, *, timeout_seconds: float) -> Stream:
        if dsn.is_cluster and cls is RedisStream:
            from events.stream.redis_cluster import ClusterStream  # noqa: PLC0415 (it derives from this class)

            return ClusterStream(dsn, timeout_seconds=timeout_seconds)
        return cls(dsn, timeout_seconds=timeout_seconds)

    def connect(self, timeout_seconds: float) -> Any:
        """Create the client; tests override this."""
        return connect(self.dsn, timeout_seconds=timeout_seconds)

    @cached_property
    def _client(self) -> Any:
        return self.connect(self._connection_seconds)

    @cached_property
    def _compare_and_append(self) -> Any:
        return self._script(self.append_script)

    @cached_property
    def _compare_and_delete(self) -> Any:
        return self._script(COMPARE_AND_DELETE)

    def _script(self, text: str) -> Any:
        return self._client.register_script(text)

    @cached_property
    def _wakes(self) -> Any:
        return self._client.pubsub(ignore_subscribe_messages=True)

    def append(
        self, partition: int, expected: Tail, envelopes: Sequence[Envelope], *, generation: int | None = None
    ) -> Tail:
        entries = encoded(self._signatures(partition, generation), envelopes)
        with APPEND_SECONDS.timed():
            tail = self._append(partition, [*expected, conf.stream_max_length, entries])
        APPEND_EVENTS.note(len(envelopes))
        if tail.event_id == str(envelopes[-1].id):
            APPENDED.add(len(envelopes))
        return tail

    def _append(self, partition: int, arguments: Sequence[str | int | bytes]) -> Tail:
        with redis_errors():
            last_id, event_id = self._compare_and_append(keys=[self.key(partition)], args=arguments)
        return Tail(int(last_id.partition("-")[0]), event_id)

    def tail(self, partition: int) -> Tail:
        return self._append(partition, [*NOWHERE, conf.stream_max_length])

    def _signatures(self, partition: int, generation: int | None = None) -> Signatures:
        if generation is None:
            return Signatures.current(self.dsn.stream, partition)
        return Signatures(self.dsn.stream, partition, generation=generation)

    def _entries(self, partition: int, raw_entries: Sequence[RawEntry]) -> list[Entry]:
        """Verify the entries. The generation is read after them: what was signed before it was raised is refused."""
        if not raw_entries:
            return []
        signatures = self._signatures(partition)
        return [entry_of(signatures, *raw) for raw in raw_entries]

    def create_group(self, partition: int, group: str, *, after: int) -> None:
        with redis_errors():
            try:
                self._client.xgroup_create(self.key(partition), group, id=f"{after}-0", mkstream=True)
            except redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    def read(
        self, group: str, consumer: str, partitions: Sequence[int], *, count: int, block_seconds: float
    ) -> dict[int, list[Entry]]:
        by_key = {self.key(partition): partition for partition in partitions}
        with redis_errors():
            answer = self._client.xreadgroup(
                group, consumer, dict.fromkeys(by_key, ">"), count=count, block=self._block(block_seconds)
            )
        return {by_key[key]: self._entries_read(by_key[key], entries) for key, entries in answer or []}

    def _entries_read(self, partition: int, raw_entries: Sequence[RawEntry]) -> list[Entry]:
        """Verify entries of a group by the generation that was asked last; ask again for one that does not verify.

        Who raises the generation takes the partition from its owners, and the next one rewinds its group.
        """
        if known := self._signatures_of_groups.get(partition):
            entries = [entry_of(known, *raw) for raw in raw_entries]
            if all(entry.envelope for entry in entries):
                return entries
        self._signatures_of_groups[partition] = self._signatures(partition)
        return [entry_of(self._signatures_of_groups[partition], *raw) for raw in raw_entries]

    def rewind(self, partition: int, group: str, *, after: int) -> None:
        key = self.key(partition)
        self._signatures_of_groups.pop(partition, None)
        with redis_errors():
            self._client.xgroup_setid(key, group, f"{after}-0")
            while pending := self._client.xpending_range(key, group, min="-", max="+", count=PENDING_AT_ONCE):
                self._client.xack(key, group, *(entry["message_id"] for entry in pending))

    def _block(self, seconds: float) -> int | None:
        """Return milliseconds, fewer than the socket's time-out: otherwise an idle stream would look like an outage."""
        return max(1, int(min(seconds, self.timeout_seconds / 2) * 1000)) if seconds else None

    def acknowledge(self, partition: int, group: str, entry_ids: Sequence[str]) -> None:
        with redis_errors():
            self._client.xack(self.key(partition), group, *entry_ids)

    def entries(self, partition: int, *, after: str, count: int, block_seconds: float = 0) -> list[Entry]:
        with redis_errors():
            answer = self._client.xread({self.key(partition): after}, count=count, block=self._block(block_seconds))
        return self._entries(partition, [raw for _, entries in answer or [] for raw in entries])

    def last_entries(self, partition: int, *, count: int, before: str = "") -> list[Entry]:
        with redis_errors():
            raw_entries = self._client.xrevrange(self.key(partition), f"({before}" if before else "+", count=count)
        return self._entries(partition, raw_entries[::-1])

    def has_entry(self, partition: int, *, after: int, block_seconds: float) -> bool:
        with redis_errors():
            block = self._block(block_seconds)
            return bool(self._client.xread({self.key(partition): f"{after}-0"}, count=1, block=block))

    def last_own(self, partition: int) -> Tail | None:
        signatures = self._signatures(partition)
        newest = islice(self._from_the_end(partition), conf.stream_max_length)
        return next(filter(None, (own_tail(signatures, *raw) for raw in newest)), None)

    def _from_the_end(self, partition: int) -> Iterator[RawEntry]:
        last = "+"
        with redis_errors():
            while raw_entries := self._client.xrevrange(self.key(partition), last, count=LOOKED_BACK_AT_ONCE):
                yield from raw_entries
                last = f"({raw_entries[-1][0]}"

    def length(self, partition: int) -> int:
        with redis_errors():
            return int(self._client.xlen(self.key(partition)))

    def memory_usage(self, partition: int) -> int | None:
        with redis_errors(), suppress(redis.ResponseError):  # The command is unknown or not allowed.
            size = self._client.memory_usage(self.key(partition))
            return int(size or 0)
        return None

    def trim(self, partition: int, *, length: int) -> int:
        with redis_errors():
            return int(self._client.xtrim(self.key(partition), maxlen=length, approximate=False))

    def pending(self, partition: int, group: str) -> int:
        with redis_errors():
            try:
                return int(self._client.xpending(self.key(partition), group)["pending"])
            except redis.ResponseError as error:
                if str(error).startswith("NOGROUP"):
                    return 0
                raise

    def information(self) -> Mapping[str, str]:
        with redis_errors():
            return {name: str(value) for name, value in self._client.info().items()}

    def refused_commands(self) -> list[str] | None:
        with redis_errors(), suppress(redis.ResponseError):  # The command is unknown or not allowed.
            return refused(self._client, self._commands())
        return None

    def _commands(self) -> list[list[str]]:
        return [command for key in self._keys() for command in commands(key, self._wake_channel)]

    def _keys(self) -> list[str]:
        return [self.key(partition) for partition in range(partition_count())]

    def clock(self) -> datetime:
        with redis_errors():
            seconds, microseconds = self._time()
        return datetime.fromtimestamp(seconds + microseconds / 1_000_000, UTC)

    def _time(self) -> tuple[int, int]:
        found: tuple[int, int] = self._client.time()
        return found

    def delete(self, partition: int) -> None:
        with redis_errors():
            self._client.delete(self.key(partition))

    def delete_ending(self, partition: int, tail: Tail) -> bool:
        with redis_errors():
            return bool(self._compare_and_delete(keys=[self.key(partition)], args=[tail.position, tail.event_id]))

    def rewrite_file(self) -> bool:
        with redis_errors(), suppress(redis.ResponseError):  # The command is unknown or not allowed.
            return bool(self._client.bgrewriteaof())
        return False

    def wake(self) -> None:
        with redis_errors():
            self._client.publish(self._wake_channel, "")

    def wait_for_wake(self, seconds: float) -> None:
        with redis_errors():
            if not self._wakes.subscribed:
                self._wakes.subscribe(self._wake_channel)
            if self._wakes.get_message(timeout=seconds):
                while self._wakes.get_message():  # One sweep serves all wake-ups.
                    pass

    def ping(self) -> None:
        with redis_errors():
            self._client.ping()

    def close(self) -> None:
        for opened in ("_wakes", "_client"):
            if opened in self.__dict__:
                getattr(self, opened).close()
