"""The Redis commands that the stream uses, so that `doctor` can report those that its user may not run."""

from collections.abc import Iterable, Iterator
from typing import Any

SHA = "0" * 40


def commands(key: str, channel: str) -> Iterator[list[str]]:
    """Yield each command with arguments as in events/stream/redis_stream.py."""
    yield from (["PING"], ["INFO"], ["TIME"])
    yield from (["EVALSHA", SHA, "1", key], ["SCRIPT", "LOAD", "return"], ["TYPE", key], ["XINFO", "STREAM", key])
    yield from (["XADD", key, "1-0", "id", "1"], ["XTRIM", key, "MAXLEN", "~", "1"])
    yield from (["XLEN", key], ["XREAD", "STREAMS", key, "0"], ["XREVRANGE", key, "+", "-"])
    yield from (["XGROUP", "CREATE", key, "group", "0"], ["XGROUP", "SETID", key, "group", "0"])
    yield from (["XREADGROUP", "GROUP", "group", "consumer", "STREAMS", key, ">"], ["XACK", key, "group", "1-0"])
    yield from (["XPENDING", key, "group"], ["DEL", key])
    yield from (["PUBLISH", channel, ""], ["SUBSCRIBE", channel])
    yield ["MEMORY", "USAGE", key]


def commands_of_cluster(channel: str) -> Iterator[list[str]]:
    """Yield the commands that a cluster needs besides; who appends to a partition says so on its channel."""
    yield from (["CLUSTER", "SLOTS"], ["PUBLISH", channel, ""], ["SUBSCRIBE", channel])


def refused(server: Any, asked: Iterable[list[str]]) -> list[str]:
    """Return the commands that the server refuses, each with its reason; raise redis-py's errors."""
    user, once = server.acl_whoami(), list(dict.fromkeys(map(tuple, asked)))
    with server.pipeline(transaction=False) as pipeline:
        for command in once:
            pipeline.execute_command("ACL", "DRYRUN", user, *command)
        answers = pipeline.execute()
    return [f"{' '.join(command[:2])}: {said}" for command, said in zip(once, answers, strict=True) if said != "OK"]
