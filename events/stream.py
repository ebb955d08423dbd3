"""The stream in Redis: a window on the log, and the only module that speaks to Redis.

In:   envelopes with positions, from events/relay.py.
Out:  entries with the ids `<position>-0`, each appended once, in order.
Next: events/consumer.py
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.conf import conf
from events.dsn import StreamDSN
from events.envelope import Envelope
from events.exceptions import GroupLost, StreamUnavailable
from events.log import Tail
from events.partitions import partition_count

# Appends the entries if the stream's last one is the expected one, position and event, and answers the last one in
# either case. A stream trimmed to nothing still knows its last position. The first field of an entry of ours is `id`.
COMPARE_AND_APPEND = """
local function last_entry()
  if redis.call('EXISTS', KEYS[1]) == 0 then return {'0', ''} end
  local entry = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if entry then return {entry[1], entry[2][1] == 'id' and entry[2][2] or 'foreign'} end
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then return {info[i + 1], ''} end end
end
local last = last_entry()
if string.match(last[1], '^%d+') ~= ARGV[1] or last[2] ~= ARGV[2] then return last end
local i = 4
while i <= #ARGV do
  local last_field = i + 1 + tonumber(ARGV[i + 1])
  redis.call('XADD', KEYS[1], ARGV[i] .. '-0', unpack(ARGV, i + 2, last_field))
  i = last_field + 1
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3])
return last_entry()
"""
# No tail can be this one: asking to append after it appends nothing and answers the real one.
NOWHERE = Tail(-1, "")
TCP_TIMEOUT_SECONDS = 5.0


class Entry(NamedTuple):
    """An entry as it was read; the envelope is None if the entry is not one of ours, or was deleted while pending."""

    id: str
    envelope: Envelope | None


class Stream:
    """The stream of one DSN: a key per partition, which has just the DSN's name if there is only one."""

    def __init__(self, dsn: StreamDSN, *, timeout_seconds: float = TCP_TIMEOUT_SECONDS) -> None:
        self.dsn = dsn
        self._timeout_seconds = timeout_seconds
        # Any: the client's types describe both protocols and both kinds of decoding at once.
        self._client: Any = redis.Redis.from_url(
            dsn.url,
            decode_responses=True,
            protocol=2,
            socket_connect_timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            health_check_interval=15,
            retry=Retry(NoBackoff(), 0),  # A repeat is the caller's decision: it knows what is idempotent.
        )
        self._compare_and_append = self._client.register_script(COMPARE_AND_APPEND)

    def key(self, partition: int) -> str:
        return self.dsn.stream if partition_count() == 1 else f"{self.dsn.stream}:{partition}"

    def append(self, partition: int, expected: Tail, envelopes: Sequence[Envelope]) -> Tail:
        """Append all envelopes if the stream ends with the expected entry, or none; return what it ends with now."""
        arguments: list[str | int] = [expected.position, expected.event_id, conf.stream_max_length]
        for envelope in envelopes:
            fields = [part for field in envelope.to_fields().items() for part in field]
            arguments += [envelope.position or 0, len(fields), *fields]
        with _redis_errors():
            last_id, event_id = self._compare_and_append(keys=[self.key(partition)], args=arguments)
        return Tail(int(last_id.partition("-")[0]), event_id)

    def tail(self, partition: int) -> Tail:
        """Return what the stream ends with."""
        return self.append(partition, NOWHERE, [])

    def create_group(self, partition: int, group: str, *, after: int) -> None:
        """Create the consumer group, which reads on after the position, if there is none."""
        with _redis_errors():
            try:
                self._client.xgroup_create(self.key(partition), group, id=f"{after}-0", mkstream=True)
            except redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    def read(
        self, group: str, consumer: str, partitions: Sequence[int], *, count: int, block_seconds: float
    ) -> dict[int, list[Entry]]:
        """Return the group's next entries by partition, waiting for the first; raise GroupLost if the group is gone."""
        by_key = {self.key(partition): partition for partition in partitions}
        # The socket must wait longer than the server, or an idle stream would look like an outage.
        block = max(1, int(min(block_seconds, self._timeout_seconds / 2) * 1000))
        answer = self._read_group(group, consumer, dict.fromkeys(by_key, ">"), count=count, block=block)
        return {by_key[key]: [_entry(*raw) for raw in entries] for key, entries in answer}

    def read_pending(self, partition: int, group: str, consumer: str, *, after: str, count: int) -> list[Entry]:
        """Return what this consumer has read before and not acknowledged, above the entry id `after`."""
        answer = self._read_group(group, consumer, {self.key(partition): after}, count=count)
        return [_entry(*raw) for _, entries in answer for raw in entries]

    def _read_group(self, group: str, consumer: str, starts: dict[str, str], **options: int) -> Any:
        with _redis_errors():
            return self._client.xreadgroup(group, consumer, starts, **options) or []

    def acknowledge(self, partition: int, group: str, entry_ids: Sequence[str]) -> None:
        """Take the entries off the group's pending list."""
        with _redis_errors():
            self._client.xack(self.key(partition), group, *entry_ids)

    def entries(self, partition: int, *, after: str, count: int, block_seconds: float = 0) -> list[Entry]:
        """Return up to `count` entries above an entry id, waiting for the first if `block_seconds` is given."""
        block = max(1, int(min(block_seconds, self._timeout_seconds / 2) * 1000)) if block_seconds else None
        with _redis_errors():
            answer = self._client.xread({self.key(partition): after}, count=count, block=block)
        return [_entry(*raw) for _, entries in answer or [] for raw in entries]

    def last_entries(self, partition: int, *, count: int) -> list[Entry]:
        """Return the newest `count` entries, oldest first."""
        with _redis_errors():
            raw_entries = self._client.xrevrange(self.key(partition), count=count)
        return [_entry(*raw) for raw in reversed(raw_entries)]

    def length(self, partition: int) -> int:
        with _redis_errors():
            return int(self._client.xlen(self.key(partition)))

    def pending(self, partition: int, group: str) -> int:
        """Return how many entries the group has read and not acknowledged; 0 if there is no such group."""
        with _redis_errors():
            try:
                return int(self._client.xpending(self.key(partition), group)["pending"])
            except redis.ResponseError as error:
                if str(error).startswith("NOGROUP"):
                    return 0
                raise

    def ping(self) -> None:
        """Raise StreamUnavailable if Redis does not answer."""
        with _redis_errors():
            self._client.ping()

    def close(self) -> None:
        self._client.close()


def open_stream(*, timeout_seconds: float = TCP_TIMEOUT_SECONDS) -> Stream:
    """Make a client of the configured stream."""
    return Stream(StreamDSN.parse(conf.stream_url), timeout_seconds=timeout_seconds)


@contextmanager
def _redis_errors() -> Iterator[None]:
    try:
        yield
    except redis.ResponseError as error:
        if str(error).startswith("NOGROUP"):
            raise GroupLost from error
        raise StreamUnavailable(f"Redis refused: {error}") from error
    except redis.RedisError as error:
        raise StreamUnavailable(f"Redis does not answer: {error}") from error


def _entry(entry_id: str, fields: dict[str, str] | None) -> Entry:
    position, _, sequence = entry_id.partition("-")
    try:
        envelope = Envelope.from_fields(fields or {}, int(position)) if sequence == "0" else None
    except (KeyError, ValueError):
        envelope = None
    return Entry(entry_id, envelope)
