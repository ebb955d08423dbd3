"""A simulated Redis: the commands that the stream uses, with the real Lua scripts, over entries in memory."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from lupa.lua51 import LuaRuntime
from msgspec import json
from redis import exceptions

from tests.simulation.scheduler import Call, Queue, Scheduler, Task

type Id = tuple[int, int]
FULL_BYTES = 2_000_000
WRONG_KIND = "WRONGTYPE Operation against a key holding the wrong kind of value"


def parse(text: str, *, sequence: int = 0) -> Id:
    first, _, second = str(text).partition("-")
    return int(first), int(second) if second else sequence


def shown(entry_id: Id) -> str:
    return f"{entry_id[0]}-{entry_id[1]}"


class Group:
    def __init__(self, delivered: Id) -> None:
        self.delivered = delivered
        self.pending: dict[Id, str] = {}

    def copy(self) -> "Group":
        copied = Group(self.delivered)
        copied.pending = dict(self.pending)
        return copied


class StreamKey:
    def __init__(self) -> None:
        self.entries: dict[Id, list[str]] = {}
        """Oldest first."""
        self.last: Id = (0, 0)
        self.groups: dict[str, Group] = {}

    def copy(self) -> "StreamKey":
        copied = StreamKey()
        copied.entries = dict(self.entries)
        copied.last = self.last
        copied.groups = {name: group.copy() for name, group in self.groups.items()}
        return copied

    def after(self, last: Id) -> list[Id]:
        return [entry_id for entry_id in self.entries if entry_id > last]


class RedisServer:
    """Its state, and what happens to it. A fault changes `keys` directly."""

    def __init__(self, scheduler: Scheduler, *, node_entries: int = 100) -> None:
        self.scheduler = scheduler
        self.keys: dict[str, StreamKey | str] = {}
        self.away_until = 0.0
        self.is_full = False
        self.on_append: Callable[[str, Id, Id, list[str]], None] = lambda *_: None
        self._node_entries = node_entries
        """An approximate trim removes whole nodes of so many entries."""
        self._waiting: dict[str, Queue] = {}
        self.subscribers: list[PubSub] = []

    def changed(self, key: str) -> None:
        if waiting := self._waiting.get(key):
            self.scheduler.wake_all(waiting)

    def wait(self, keys: Sequence[str], seconds: float) -> bool:
        if self.scheduler.current is None:
            return False  # Nobody else is there, who could end the wait.
        return self.scheduler.wait_in(*(self._waiting.setdefault(key, []) for key in keys), seconds=seconds)

    def stream(self, key: str) -> StreamKey:
        found = self.keys.get(key)
        if isinstance(found, str):
            raise exceptions.ResponseError(WRONG_KIND)
        return found or StreamKey()

    def add(self, key: str, entry_id: str, fields: Sequence[str]) -> str:
        stream = self.stream(key)
        wanted = (stream.last[0], stream.last[1] + 1) if entry_id == "*" else parse(entry_id)
        if wanted <= stream.last:
            raise exceptions.ResponseError(
                "The ID specified in XADD is equal or smaller than the target stream top item"
            )
        before, stream.last = stream.last, wanted
        stream.entries[wanted] = list(fields)
        self.keys[key] = stream
        self.on_append(key, before, wanted, stream.entries[wanted])
        self.changed(key)
        return shown(wanted)

    def trim(self, key: str, length: int, *, approximate: bool) -> int:
        stream = self.stream(key)
        surplus = max(0, len(stream.entries) - length)
        whole_nodes = surplus if surplus == len(stream.entries) else surplus - surplus % self._node_entries
        removed = whole_nodes if approximate else surplus
        for entry_id in list(stream.entries)[:removed]:
            del stream.entries[entry_id]
        return removed

    def delete(self, key: str) -> int:
        was_there = self.keys.pop(key, None) is not None
        self.changed(key)
        return int(was_there)

    def backup(self) -> Mapping[str, StreamKey | str]:
        return {key: found if isinstance(found, str) else found.copy() for key, found in self.keys.items()}

    def restore(self, backup: Mapping[str, StreamKey | str]) -> None:
        keys = [*self.keys]
        self.keys = {key: found if isinstance(found, str) else found.copy() for key, found in backup.items()}
        for key in keys:
            self.changed(key)


class _Scripts:
    """Runs Lua scripts as Redis does; `server` is the one whose script runs."""

    server: RedisServer

    def __init__(self) -> None:
        lua = LuaRuntime(unpack_returned_tuples=True)
        self._execute, self._table = lua.execute, lua.table_from
        self._redis = self._table({"call": self._call})
        self._cjson = self._table({"decode": self._decode})
        self._keys = cache(lambda key: self._table([key]))
        self._kinds = {kind: self._table({"ok": kind}) for kind in ("none", "string", "stream")}
        self.compiled = cache(self._compile)
        self._end: tuple[Any, Any] = (None, None)
        """The answer to the last question for a stream's end; most questions are for the same one."""

    def _compile(self, text: str) -> Any:
        """Return the script as a Lua function of its keys, its arguments, `redis` and `cjson`."""
        return self._execute(f"return function(KEYS, ARGV, redis, cjson)\n{text}\nend")

    def _decode(self, text: str) -> Any:
        return self._table(map(self._table, json.decode(text)))

    def run(self, server: RedisServer, function: Any, key: str, arguments: Sequence[Any]) -> Any:
        self.server = server
        texts = [part.decode() if isinstance(part, bytes) else str(part) for part in arguments]
        result = function(self._keys(key), self._table(texts), self._redis, self._cjson)
        return result if isinstance(result, int | str) else list(result.values())

    def _call(self, name: str, key: str, *arguments: Any) -> Any:
        server = self.server
        if name == "TYPE":
            found = server.keys.get(key)
            return self._kinds["none" if found is None else "string" if isinstance(found, str) else "stream"]
        if name == "XINFO":
            return self._information(server.stream(arguments[0]))
        if name == "XADD":
            return server.add(key, arguments[0], arguments[1:])
        if name == "DEL":
            return server.delete(key)
        return server.trim(key, int(arguments[-1]), approximate="~" in arguments)

    def _information(self, stream: StreamKey) -> Any:
        last = next(reversed(stream.entries), None)
        fields = stream.entries[last] if last else []
        asked, answer = self._end
        if asked != (stream.last, last, fields):
            said = ["last-generated-id", shown(stream.last)]
            if last:
                said += ["last-entry", self._table([shown(last), self._table(fields)])]
            answer = self._table(said)
            self._end = ((stream.last, last, fields), answer)
        return answer


_scripts = _Scripts()


class Script:
    def __init__(self, client: "Client", text: str) -> None:
        self._client = client
        self._function = _scripts.compiled(text)

    def __call__(self, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
        return self._client.do("script", lambda: self._run(keys[0], args))

    def _run(self, key: str, arguments: Sequence[Any]) -> Any:
        server = self._client.server
        if server.is_full and len(arguments) > len(["position", "event", "length"]):
            raise exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
        return _scripts.run(server, self._function, key, arguments)


def _no_answer(_: Task) -> Exception:
    return exceptions.TimeoutError("no answer")


@cache
def _call(name: str) -> Call:
    return Call(f"redis {name}", _no_answer)


class Client:
    """What redis-py's client offers, as far as the stream uses it."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server

    def do[Result](self, name: str, effect: Callable[[], Result]) -> Result:
        server, scheduler = self.server, self.server.scheduler
        afterwards = scheduler.enter(_call(name))
        if server.away_until > scheduler.now:
            raise exceptions.ConnectionError("connection refused")
        result = effect()
        if afterwards:
            afterwards()
        return result

    def register_script(self, text: str) -> Script:
        return Script(self, text)

    def pubsub(self, **_: Any) -> "PubSub":
        return PubSub(self)

    def xadd(self, key: str, fields: Mapping[str, str], id: str = "*") -> str:  # noqa: A002 (redis-py's name)
        return self.do("xadd", lambda: self.server.add(key, id, [part for pair in fields.items() for part in pair]))

    def xgroup_create(self, key: str, group: str, *, id: str, mkstream: bool) -> None:  # noqa: A002 (as above)
        def create() -> None:
            stream = self.server.stream(key)
            if group in stream.groups:
                raise exceptions.ResponseError("BUSYGROUP Consumer Group name already exists")
            stream.groups[group] = Group(parse(id))
            self.server.keys[key] = stream

        self.do("xgroup create", create)

    def _group(self, key: str, group: str) -> tuple[StreamKey, Group]:
        stream = self.server.stream(key)
        if group not in stream.groups:
            raise exceptions.ResponseError(f"NOGROUP No such key '{key}' or consumer group '{group}'")
        return stream, stream.groups[group]

    def xgroup_setid(self, key: str, group: str, id: str) -> None:  # noqa: A002 (as above)
        def set_id() -> None:
            if key not in self.server.keys:
                raise exceptions.ResponseError("The XGROUP subcommand requires the key to exist.")
            self._group(key, group)[1].delivered = parse(id)

        self.do("xgroup setid", set_id)

    def xreadgroup(
        self, group: str, consumer: str, keys: Mapping[str, str], *, count: int, block: int | None
    ) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
        def read() -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
            until = self.server.scheduler.now + (block or 0) / 1000
            existed = {key for key in keys if key in self.server.keys}
            while not (answer := self._read_new(group, consumer, list(keys), count)):
                left = until - self.server.scheduler.now
                if not block or left <= 0 or not self.server.wait(list(keys), left):
                    return []
                if any(key not in self.server.keys for key in existed):
                    raise exceptions.ResponseError("UNBLOCKED the stream key no longer exists")
            return answer

        return self.do("xreadgroup", read)

    def _read_new(
        self, group: str, consumer: str, keys: Sequence[str], count: int
    ) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
        groups = [(key, *self._group(key, group)) for key in keys]
        answer = []
        for key, stream, place in groups:
            if new := stream.after(place.delivered)[:count]:
                place.delivered = new[-1]
                place.pending |= dict.fromkeys(new, consumer)
                answer.append((key, [_entry(stream, entry_id) for entry_id in new]))
        return answer

    def xack(self, key: str, group: str, *ids: str) -> int:
        def acknowledge() -> int:
            found = self.server.stream(key).groups.get(group)
            return sum(found.pending.pop(parse(entry_id), None) is not None for entry_id in ids) if found else 0

        return self.do("xack", acknowledge)

    def xpending_range(self, key: str, group: str, *, min: str, max: str, count: int) -> list[dict[str, str]]:  # noqa: A002 (as above)
        def pending() -> list[dict[str, str]]:
            return [{"message_id": shown(entry_id)} for entry_id in sorted(self._group(key, group)[1].pending)[:count]]

        return self.do("xpending range", pending)

    def xpending(self, key: str, group: str) -> dict[str, int]:
        return self.do("xpending", lambda: {"pending": len(self._group(key, group)[1].pending)})

    def xread(
        self, keys: Mapping[str, str], *, count: int, block: int | None = None
    ) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
        def read() -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
            [(key, after)] = keys.items()
            stream = self.server.stream(key)
            found = stream.after(parse(after))[:count]
            return [(key, [_entry(stream, entry_id) for entry_id in found])] if found else []

        return self.do("xread", read)

    def xrevrange(self, key: str, max: str, *, count: int) -> list[tuple[str, dict[str, str]]]:  # noqa: A002 (as above)
        def read() -> list[tuple[str, dict[str, str]]]:
            stream = self.server.stream(key)
            ids = [*reversed(stream.entries)]
            if max.startswith("("):
                ids = [entry_id for entry_id in ids if entry_id < parse(max[1:])]
            return [_entry(stream, entry_id) for entry_id in ids[:count]]

        return self.do("xrevrange", read)

    def xlen(self, key: str) -> int:
        return self.do("xlen", lambda: len(self.server.stream(key).entries))

    def xtrim(self, key: str, *, maxlen: int, approximate: bool = True) -> int:
        return self.do("xtrim", lambda: self.server.trim(key, maxlen, approximate=approximate))

    def xdel(self, key: str, *ids: str) -> int:
        return self.do(
            "xdel", lambda: sum(self.server.stream(key).entries.pop(parse(i), None) is not None for i in ids)
        )

    def memory_usage(self, key: str) -> int:
        def usage() -> int:
            size = sum(len(part) for fields in self.server.stream(key).entries.values() for part in fields)
            return size + (FULL_BYTES if self.server.is_full else 0)

        return self.do("memory usage", usage)

    def acl_whoami(self) -> str:
        raise exceptions.ResponseError("ERR unknown command 'ACL'")

    def delete(self, key: str) -> int:
        return self.do("del", lambda: self.server.delete(key))

    def publish(self, channel: str, message: str) -> None:
        self.do("publish", lambda: [subscriber.receive() for subscriber in self.server.subscribers])

    def ping(self) -> None:
        self.do("ping", lambda: None)

    def close(self) -> None:
        pass


class PubSub:
    """One channel's messages, of which only the number matters."""

    def __init__(self, client: Client) -> None:
        self.subscribed = False
        self._client = client
        self._messages = 0

    def subscribe(self, _channel: str) -> None:
        self._client.do("subscribe", lambda: self._client.server.subscribers.append(self))
        self.subscribed = True

    def receive(self) -> None:
        self._messages += 1
        self._client.server.changed(self._key)

    @property
    def _key(self) -> str:
        return f"pubsub {id(self)}"

    def get_message(self, timeout: float = 0) -> bool:
        def get() -> bool:
            if not self._messages and timeout:
                self._client.server.wait([self._key], timeout)
            had_one = self._messages > 0
            self._messages -= had_one
            return had_one

        return self._client.do("message", get)

    def close(self) -> None:
        pass


def _entry(stream: StreamKey, entry_id: Id) -> tuple[str, dict[str, str]]:
    fields = stream.entries[entry_id]
    return shown(entry_id), dict(zip(fields[::2], fields[1::2], strict=False))
