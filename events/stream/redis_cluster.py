"""The stream in a cluster of Redis or Valkey: a partition is a key, so it has one slot, and one master keeps it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import redis
from redis.cluster import RedisCluster

from events.exceptions import GroupLost, StreamUnavailable
from events.stream.dsn import StreamDSN
from events.stream.interface import Entry
from events.stream.redis_client import connect_to_cluster
from events.stream.redis_errors import redis_errors
from events.stream.redis_permissions import commands_of_cluster
from events.stream.redis_stream import RedisStream
from events.stream.scripts import APPEND_AND_TELL, APPENDED

EVICTS_NOTHING = "noeviction"


class ClusterStream(RedisStream):
    """The stream in a cluster. It follows slots that move, and masters that are replaced.

    A cluster refuses to read several keys with one command, so each partition is read in turn. Nobody waits in a read:
    who appends says so on the partition's channel, which all nodes pass on.
    """

    append_script = APPEND_AND_TELL

    def __init__(self, dsn: StreamDSN, *, timeout_seconds: float) -> None:
        super().__init__(dsn, timeout_seconds=timeout_seconds)
        self._appended = _Subscription(lambda: self._client)
        self._woken = _Subscription(lambda: self._client)

    def connect(self, timeout_seconds: float) -> Any:
        return connect_to_cluster(self.dsn, timeout_seconds=timeout_seconds)

    def read(
        self, group: str, consumer: str, partitions: Sequence[int], *, count: int, block_seconds: float
    ) -> dict[int, list[Entry]]:
        until = time.monotonic() + min(block_seconds, self.timeout_seconds / 2)
        self._appended.listen([self.key(partition) + APPENDED for partition in partitions])
        while not (found := self._read_each(group, consumer, partitions, count)):
            if (left := until - time.monotonic()) <= 0:
                break
            self._appended.wait(left)
        return found

    def _read_each(self, group: str, consumer: str, partitions: Sequence[int], count: int) -> dict[int, list[Entry]]:
        found: dict[int, list[Entry]] = {}
        for partition in partitions:
            try:
                found |= super().read(group, consumer, [partition], count=count, block_seconds=0)
            except GroupLost:
                if not found:
                    raise
                break  # The next read raises it; what was read of the others is delivered now.
        return found

    def wait_for_wake(self, seconds: float) -> None:
        self._woken.listen([self._wake_channel])
        self._woken.wait(seconds)

    def information(self) -> Mapping[str, str]:
        """Return what the master says that is most likely to lose entries, or to have no room for more."""
        with redis_errors():
            found = self._client.info(target_nodes=RedisCluster.PRIMARIES)
        masters = [found] if "redis_version" in found else list(found.values())
        return {name: str(value) for name, value in max(masters, key=_danger).items()}

    def _commands(self, key: str) -> list[list[str]]:
        return [*super()._commands(key), *commands_of_cluster(key + APPENDED)]

    def rewrite_file(self) -> bool:
        with redis_errors(), suppress(redis.ResponseError):  # The command is unknown or not allowed.
            self._client.execute_command("BGREWRITEAOF", target_nodes=self._client.get_nodes())
            return True
        return False

    def close(self) -> None:
        self._appended.close()
        self._woken.close()
        super().close()


class _Subscription:
    """Waits for messages on some channels. After an error it is made anew, at a node that lives then."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._channels: list[str] = []
        self._messages: Any = None

    def listen(self, channels: list[str]) -> None:
        """Hear what is said from now on; raise StreamUnavailable."""
        if self._messages is not None and channels == self._channels:
            return
        self.close()
        with redis_errors():
            messages = self._client().pubsub(ignore_subscribe_messages=True)
            messages.subscribe(*channels)
        self._messages, self._channels = messages, channels

    def wait(self, seconds: float) -> None:
        """Return once something was said since the last time, or after so many seconds; raise StreamUnavailable."""
        try:
            with redis_errors():
                if self._messages.get_message(timeout=seconds):
                    while self._messages.get_message():  # One look serves all that was said.
                        pass
        except StreamUnavailable:
            self.close()
            raise

    def close(self) -> None:
        if self._messages is not None:
            self._messages.close()
        self._messages = None


def _danger(information: Mapping[str, Any]) -> tuple[bool, float]:
    evicts = information["maxmemory_policy"] != EVICTS_NOTHING
    return evicts, information["used_memory"] / (information["maxmemory"] or math.inf)
