"""The stream in a cluster of Redis or Valkey: a partition is a key, so it has one slot, and one master keeps it."""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha1
from typing import Any

import redis

from events.exceptions import GroupLost, StreamError, StreamUnavailable
from events.log.partitions import partition_count
from events.processes.patience import Outcome, started
from events.stream.dsn import StreamDSN
from events.stream.interface import EXAMINED, Entry
from events.stream.redis_client import connect_to_cluster
from events.stream.redis_errors import redis_errors
from events.stream.redis_permissions import commands_of_cluster, refused
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
        self._postponed: StreamError | None = None

    def connect(self, timeout_seconds: float) -> Any:
        return connect_to_cluster(self.dsn, timeout_seconds=timeout_seconds)

    def _script(self, text: str) -> Any:
        return _Script(self._client, text)

    def read(
        self, group: str, consumer: str, partitions: Sequence[int], *, count: int, block_seconds: float
    ) -> dict[int, list[Entry]]:
        until = time.monotonic() + min(block_seconds, self.timeout_seconds / 2)
        if block_seconds:
            self._appended.listen([self.key(partition) + APPENDED for partition in partitions])
        while not (found := self._read_each(group, consumer, partitions, count)):
            if (left := until - time.monotonic()) <= 0:
                break
            self._appended.wait(left)
        return found

    def _read_each(self, group: str, consumer: str, partitions: Sequence[int], count: int) -> dict[int, list[Entry]]:
        found: dict[int, list[Entry]] = {}
        postponed, self._postponed = self._postponed, None
        if postponed and set(postponed.partitions) <= set(partitions):
            raise postponed
        for partition in partitions:
            try:
                found |= super().read(group, consumer, [partition], count=count, block_seconds=0)
            except (GroupLost, StreamUnavailable) as error:
                error.partitions = [partition]
                if not found:
                    raise
                self._postponed = error  # The next read raises it; what was read of the others is delivered now.
                break
        return found

    def server_of(self, partition: int) -> str:
        with redis_errors():
            manager = self._client.nodes_manager
            return str(manager.get_node_from_slot(self._client.keyslot(self.key(partition))).name)

    def ping(self) -> None:
        """Ask each master that has partitions for one of them: a node answers a PING also if the cluster is down."""
        one_of_each = {self.server_of(partition): partition for partition in range(partition_count())}
        for partition in one_of_each.values():
            self.length(partition)

    def wait_for_wake(self, seconds: float) -> None:
        self._woken.listen([self._wake_channel])
        self._woken.wait(seconds)

    def servers(self) -> Sequence[str]:
        return [name for name, _ in self._masters()]

    def unreachable(self) -> Mapping[str, StreamUnavailable]:
        with redis_errors():
            self._client.silent = ()
            nodes = self._client.get_primaries()
        asked = {node.name: started(partial(_ping, node), name="redis-ping") for node in nodes}
        errors = {name: error for name, answer in asked.items() if (error := _error_of(answer))}
        if len(errors) == len(asked):
            raise next(iter(errors.values()))
        self._client.silent = errors.keys()
        return errors

    def _masters(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and the client of each master, but those that did not answer before."""
        with redis_errors():
            nodes = self._client.get_primaries()
        return ((node.name, node.redis_connection) for node in nodes if node.name not in self._client.silent)

    def information(self) -> Mapping[str, str]:
        """Return what the master says that is most likely to lose entries, or to have no room for more."""
        with redis_errors():
            found = [{**master.info(), EXAMINED: name} for name, master in self._masters()]
        return {name: str(value) for name, value in max(found, key=_danger).items()}

    def _time(self) -> tuple[int, int]:
        found: tuple[int, int] = next(self._masters())[1].time()
        return found

    def refused_commands(self) -> list[str] | None:
        """Ask all masters; one whose user has other permissions than the others' is named."""
        with redis_errors(), suppress(redis.ResponseError):  # The command is unknown or not allowed.
            found = {name: refused(master, self._commands()) for name, master in self._masters()}
            everywhere = [
                said for said in next(iter(found.values())) if all(said in others for others in found.values())
            ]
            return everywhere + [f"{name}: {said}" for name in found for said in found[name] if said not in everywhere]
        return None

    def _commands(self) -> list[list[str]]:
        more = [command for key in self._keys() for command in commands_of_cluster(key + APPENDED)]
        return super()._commands() + more

    def rewrite_file(self) -> bool:
        with redis_errors(), suppress(redis.ResponseError):  # The command is unknown or not allowed.
            self._client.execute_command("BGREWRITEAOF", target_nodes=self._client.get_nodes())
            return True
        return False

    def close(self) -> None:
        self._appended.close()
        self._woken.close()
        super().close()


class _Script:
    """Is loaded into the master that has its key; redis-py would load it into all, of which one may be silent."""

    def __init__(self, client: Any, text: str) -> None:
        self._client = client
        self._text = text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return self._client.evalsha(self._sha, len(keys), *keys, *args)
        except redis.exceptions.NoScriptError:
            master = self._client.get_node_from_key(keys[0])
            self._client.execute_command("SCRIPT LOAD", self._text, target_nodes=master)
            return self._client.evalsha(self._sha, len(keys), *keys, *args)


class _Subscription:
    """Waits for messages on some channels, at any node. After an error it is made anew, at another one."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._channels: list[str] = []
        self._messages: Any = None
        self._failed: set[str] = set()

    def listen(self, channels: list[str]) -> None:
        """Hear what is said from now on; raise StreamUnavailable."""
        if self._messages is not None and channels == self._channels:
            return
        self.close()
        with redis_errors():
            messages = self._client().pubsub(node=self._node(), ignore_subscribe_messages=True)
            try:
                messages.subscribe(*channels)
            except redis.RedisError:
                self._failed.add(messages.node.name)
                raise
        self._messages, self._channels = messages, channels

    def _node(self) -> Any:
        """Return a node that has not failed, or any if all have."""
        nodes = self._client().get_nodes()
        if not (left := [node for node in nodes if node.name not in self._failed]):
            self._failed.clear()
        return random.choice(left or nodes)  # noqa: S311 (this only spreads the load)

    def wait(self, seconds: float) -> None:
        """Return once something was said since the last time, or after so many seconds; raise StreamUnavailable."""
        try:
            with redis_errors():
                if self._messages.get_message(timeout=seconds):
                    while self._messages.get_message():  # One look serves all that was said.
                        pass
        except StreamUnavailable:
            self._failed.add(self._messages.node.name)
            self.close()
            raise

    def close(self) -> None:
        if self._messages is not None:
            self._messages.close()
        self._messages = None


def _ping(node: Any) -> None:
    try:
        node.redis_connection.ping()
    except redis.RedisError as error:
        error.connection = node  # type: ignore[attr-defined]  # As redis-py does for commands of the cluster.
        raise


def _error_of(answer: Outcome[Any]) -> StreamUnavailable | None:
    try:
        with redis_errors():
            answer.result()
    except StreamUnavailable as error:
        return error
    return None


def _danger(information: Mapping[str, Any]) -> tuple[bool, float]:
    evicts = information["maxmemory_policy"] != EVICTS_NOTHING
    return evicts, information["used_memory"] / (information["maxmemory"] or math.inf)
