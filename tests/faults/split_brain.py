"""Cut a master off from the cluster, with a relay on its side that does not know it yet."""

from contextlib import closing, suppress

from django.db import OperationalError, connection

from events.exceptions import StreamUnavailable
from events.relay.flush import sweep
from events.stream.dsn import StreamDSN
from events.stream.redis_stream import RedisStream
from tests.network.redis_cluster import Cluster, Node
from tests.waiting import wait_until


def split(cluster: Cluster, partition: int, *clients: str) -> Node:
    """Cut off the partition's master, with clients; let it take entries that the cluster will never have."""
    while True:
        master = cluster.master_of(f"tickets:{partition}")
        with (
            closing(RedisStream(StreamDSN.parse(master.url), timeout_seconds=5)) as stream,
            suppress(StreamUnavailable),
        ):
            stream.tail(partition)
            cluster.isolate(master, *clients)
            wait_until(lambda: _takes_entries(stream, partition))
            return master
        cluster.heal()  # It has noticed before there was an event.
        wait_until(cluster.is_whole)


def _takes_entries(stream: RedisStream, partition: int) -> bool:
    try:
        return bool(sweep(stream, partition))
    except OperationalError:  # Another fault has ended the session.
        connection.close()
        return False
