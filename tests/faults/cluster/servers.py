"""The driver's servers with a cluster in place of the one Valkey. This loads no Django, as the driver's servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.driver.servers import Servers
from tests.network.partitions import running_network
from tests.network.redis_cluster import Cluster, running_cluster

PARTITIONS = 4
FAR_HOST = "127.0.0.2"
FAR_PROGRAMS = ("relay-2", "readmodel-2")
"""These are on the side of a master that is cut off from the others; all other programs are on the other side."""


class ClusterServers(Servers):
    """Four partitions on three masters, each with a replica."""

    cluster: Cluster

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._nodes = folder / "cluster"
        self._nodes.mkdir()

    @contextmanager
    def running(self) -> Iterator[None]:
        with running_network() as network, running_cluster(self._nodes, network) as self.cluster, super().running():
            yield

    def empty_stream(self) -> None:
        for master in self.cluster.masters:
            master.client.flushall()

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "EVENT_STREAM_URL": self.cluster.dsn,
            "EVENTS_PARTITIONS": str(PARTITIONS),
            "FAULTS_FAR_PROGRAMS": ",".join((FAR_HOST, *FAR_PROGRAMS)),
        }
