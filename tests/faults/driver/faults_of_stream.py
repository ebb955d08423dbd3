"""Take Valkey away, let it lose or refuse what it has, harm its connections, and write into it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import redis

from tests.faults.driver.faults import Harm, fault
from tests.faults.driver.harm import AT_ONCE, SHORT, connections_harmed, hanging
from tests.network.proxy import cut, cut_in_the_middle, garble, late, now_and_then
from tests.processes import suspended

NOBODY = ("127.0.0.1", 1)
KEY = "tickets"
ATTEMPTS = 20


@fault("Valkey: killed", "Valkey", weight=2, seconds=(0, 0.5))
def stream_killed(harm: Harm) -> Iterator[None]:
    harm.servers.valkey.stop()
    yield
    harm.servers.valkey.start()


@fault("Valkey: stopped", "Valkey", seconds=SHORT)
def stream_stopped(harm: Harm) -> Iterator[None]:
    with suspended([harm.servers.valkey.process]):
        yield


@fault("Valkey: wiped", "Valkey", weight=2, seconds=AT_ONCE)
def stream_wiped(harm: Harm) -> Iterator[None]:
    harm.servers.valkey.client.flushall()
    yield


@fault("Valkey: trimmed to nothing", "Valkey", seconds=AT_ONCE)
def stream_trimmed(harm: Harm) -> Iterator[None]:
    harm.servers.valkey.client.xtrim(KEY, maxlen=0, approximate=False)
    yield


@fault("Valkey: the groups are destroyed", "Valkey", seconds=AT_ONCE)
def groups_destroyed(harm: Harm) -> Iterator[None]:
    for group in ("readmodel", "access"):
        harm.servers.valkey.client.xgroup_destroy(KEY, group)
    yield


@fault("Valkey: the last entries are lost", "Valkey", seconds=AT_ONCE)
def suffix_lost(harm: Harm) -> Iterator[None]:
    """Put the stream back to where it was some entries ago, as a fail-over to a late replica does."""
    with harm.servers.valkey.client.pipeline(transaction=True) as pipeline:
        entries = harm.servers.valkey.client.xrange(KEY)
        _rewrite(pipeline, entries[: -harm.random.randrange(1, 20)] or entries[:1])
    yield


@fault("Valkey: full", "Valkey", seconds=SHORT)
def stream_full(harm: Harm) -> Iterator[None]:
    harm.servers.valkey.client.config_set("maxmemory", 1)
    yield
    harm.servers.valkey.client.config_set("maxmemory", 0)


@fault("Valkey: read-only", "Valkey", seconds=SHORT)
def stream_read_only(harm: Harm) -> Iterator[None]:
    harm.servers.valkey.client.replicaof(*NOBODY)
    yield
    harm.servers.valkey.client.replicaof("NO", "ONE")


@fault("Valkey: slow", "Valkey", seconds=SHORT)
def stream_slow(harm: Harm) -> Iterator[None]:
    with connections_harmed(harm.servers.stream_proxy, late(harm.random.choice((0.05, 0.2, 0.4)))):
        yield


@fault("Valkey: connections cut and garbled", "Valkey", seconds=SHORT)
def stream_answers_cut(harm: Harm) -> Iterator[None]:
    with connections_harmed(harm.servers.stream_proxy, now_and_then(0.3, cut, cut_in_the_middle, garble)):
        yield


@fault("Valkey: connections hang", "Valkey", seconds=SHORT)
def stream_hangs(harm: Harm) -> Iterator[None]:
    return hanging(harm.servers.stream_proxy)


@fault("Valkey: a foreign entry is added", "Valkey", seconds=AT_ONCE)
def foreign_entry(harm: Harm) -> Iterator[None]:
    harm.servers.valkey.client.xadd(KEY, {"KEY": "VALUE"})
    yield


@fault("Valkey: an entry is altered", "Valkey", seconds=AT_ONCE)
def entry_altered(harm: Harm) -> Iterator[None]:
    """Write the stream again with another content in one of the newest entries, but not the last one."""
    harm.has_struck = any(_is_altered(harm) for _ in range(ATTEMPTS))
    yield


@fault("Valkey: the key is something else", "Valkey", seconds=AT_ONCE)
def other_kind_of_key(harm: Harm) -> Iterator[None]:
    with harm.servers.valkey.client.pipeline(transaction=True) as pipeline:
        pipeline.delete(KEY).set(KEY, "VALUE").execute()
    yield


def _is_altered(harm: Harm) -> bool:
    """Alter an entry, unless the stream is too short or somebody appends meanwhile; tell whether it is done."""
    with harm.servers.valkey.client.pipeline(transaction=True) as pipeline:
        pipeline.watch(KEY)
        entries = pipeline.xrange(KEY)
        if len(entries) <= 2:
            return False
        number = len(entries) - harm.random.randrange(2, min(len(entries), 20) + 1)
        entry_id, fields = entries[number]
        entries[number] = entry_id, fields | {"type": "ticket.canceled", "correlationid": "invented"}
        pipeline.multi()
        with suppress(redis.WatchError):
            _rewrite(pipeline, entries)
            return True
    return False


def _rewrite(pipeline: Any, entries: Any) -> None:
    pipeline.delete(KEY)
    for entry_id, fields in entries:
        pipeline.xadd(KEY, fields, id=entry_id)
    pipeline.execute()
