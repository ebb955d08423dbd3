"""Run an Elasticsearch cluster of three nodes on the loopback interface; nodes can be killed, stopped and returned."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from config.engines.elasticsearch import Elasticsearch as Engine
from config.supervisord.ports import LOOPBACK, free_port
from tests.waiting import wait_until

NODES = 3
START_SECONDS = 180.0
"""How long the cluster may take to start, or to be whole again, on a busy machine."""


class Node:
    """One node. Its ports and data stay the same after a restart."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.transport_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes]
        self.is_away = False

    @property
    def name(self) -> str:
        return f"node-{self.transport_port}"

    def start(self, seeds: list[int]) -> None:
        ports = [self.port, self.transport_port, *seeds]
        command = [sys.executable, "-m", "tests.network.elasticsearch_node", str(self.home), *map(str, ports)]
        with (self.home / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.is_away = False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.is_away = True

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.is_away = True

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.is_away = False


class SearchCluster:
    """The nodes, and a client of those that answer."""

    def __init__(self, engine: Engine) -> None:
        self.account = engine.url.removeprefix("http://").rpartition("@")[0]
        self.nodes = [Node(engine.folder) for _ in range(NODES)]

    @property
    def url(self) -> str:
        return self.url_of(*self.nodes)

    def url_of(self, *nodes: Node) -> str:
        return f"http://{self.account}@{','.join(f'{LOOPBACK}:{node.port}' for node in nodes)}"

    @contextmanager
    def client(self) -> Iterator[Elasticsearch]:
        """Return a client that asks a node which answers."""
        node = next(node for node in self.nodes if not node.is_away)
        url = f"http://{LOOPBACK}:{node.port}"
        user, password = self.account.split(":")
        with Elasticsearch(url, basic_auth=(user, password), request_timeout=20) as client:
            yield client

    def start(self, *nodes: Node) -> None:
        for node in nodes or self.nodes:
            node.start([each.transport_port for each in self.nodes])

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def warm_up(self) -> None:
        """Create an index and delete it: the first one takes a node many times as long as the next."""
        with self.client() as client:
            patient = client.options(request_timeout=START_SECONDS)
            patient.indices.create(index="first", settings={"auto_expand_replicas": "0-all"})
            patient.index(index="first", document={"title": "first"}, refresh=True)
            patient.indices.delete(index="first")

    def is_whole(self) -> bool:
        """Tell whether all nodes are there, and each copy that there should be."""
        try:
            with self.client() as client:
                health = client.cluster.health(timeout="1s", wait_for_nodes=f"{NODES}", wait_for_status="green")
        except (ApiError, TransportError):
            return False
        return bool(health["number_of_nodes"] == NODES and health["status"] == "green")

    def wait_until_whole(self) -> None:
        wait_until(self.is_whole, within_seconds=START_SECONDS)

    @property
    def master(self) -> Node:
        def find() -> Node | None:
            try:
                with self.client() as client:
                    names = {line["node"] for line in client.cat.master(format="json")}
            except (ApiError, TransportError):
                return None
            return next((node for node in self.nodes if node.name in names and not node.is_away), None)

        return wait_until(find)

    def node_of(self, index: str, *, primary: bool) -> Node:
        """Return the node of the first shard's primary, or of its first replica."""
        with self.client() as client:
            shards: Any = client.cat.shards(index=index, format="json")
        kind = "p" if primary else "r"
        found = next(each["node"] for each in shards if (each["prirep"], each["shard"]) == (kind, "0"))
        return next(node for node in self.nodes if node.name == found)

    def copies_of(self, index: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the documents of an index with one shard, with versions, by the name of each node with a copy."""
        with self.client() as client:
            client.indices.refresh(index=index)
            lines: Any = client.cat.shards(index=index, format="json")
            return {line["node"]: dict(_documents(client, index, line["node"])) for line in lines}


def _documents(client: Elasticsearch, index: str, node: str) -> Iterator[tuple[str, Any]]:
    """Yield the version and the source of each document by its id, from one node, while nobody writes."""
    order, end = [{"version": "asc"}, {"_seq_no": "asc"}], None
    while True:
        found = client.search(
            index=index, size=5_000, version=True, preference=f"_only_nodes:{node}", sort=order, search_after=end
        )["hits"]["hits"]
        if not found:
            return
        yield from ((hit["_id"], (hit["_version"], hit["_source"])) for hit in found)
        end = found[-1]["sort"]


@contextmanager
def running_search_cluster(folder: Path) -> Iterator[SearchCluster]:
    engine = Engine(folder)
    engine.install()
    cluster = SearchCluster(engine)
    cluster.start()
    try:
        cluster.wait_until_whole()
        cluster.warm_up()
        yield cluster
    finally:
        cluster.kill()
