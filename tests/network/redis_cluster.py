"""Run a Valkey cluster of three masters, each with a replica, on the loopback interface."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis
from redis.cluster import key_slot

from config.supervisord.ports import LOOPBACK, free_port
from tests.network.partitions import Network
from tests.network.redis_servers import VALKEY, Server, running
from tests.waiting import wait_until

SLOTS = 16_384
MASTERS = 3
FIRST_HOST = 11
ANNOUNCED: dict[str, str | int] = {
    "cluster_announce_ip": "",
    "cluster_announce_port": 0,
    "cluster_announce_hostname": "",
    "cluster_preferred_endpoint_type": "ip",
}
PATIENT = ("TIMEOUT", 30_000)
"""So many milliseconds may a master's replicas take until they know of a slot, too."""
NODE_TIMEOUT_SECONDS = 1
"""After which a master that does not answer is replaced."""


class Node(Server):
    """A master or a replica, on a host of its own if there is a network: then all others reach it through proxies."""

    host = LOOPBACK
    timeout_seconds = NODE_TIMEOUT_SECONDS
    bus_port = announced_port = announced_bus_port = 0

    def options(self) -> list[str]:
        self.bus_port = self.bus_port or free_port()  # By default the port + 10,000, which may not exist.
        numbers = ["--cluster-node-timeout", str(1_000 * self.timeout_seconds), "--cluster-port", str(self.bus_port)]
        if self.announced_port:
            numbers += ["--bind-source-addr", self.host, "--cluster-announce-ip", LOOPBACK]
            numbers += ["--cluster-announce-port", str(self.announced_port)]
            numbers += ["--cluster-announce-bus-port", str(self.announced_bus_port)]
        return [*super().options(), "--cluster-enabled", "yes", *numbers]

    def join(self, network: Network, host: str) -> None:
        """Be at this host of the network; the node must not run yet."""
        self.host, self.bus_port = host, free_port()
        self.announced_port = network.listen(host, self.port)
        self.announced_bus_port = network.listen(host, self.bus_port)

    def announce(self, **options: str | int) -> None:
        """Say where the node is, in options of its configuration; those that are left out say nothing."""
        for name, value in (ANNOUNCED | options).items():
            self.client.config_set(name.replace("_", "-"), value)

    @property
    def address(self) -> tuple[str, int]:
        """Where the others and the clients find it."""
        return LOOPBACK, self.announced_port or self.port

    def command(self, *words: str | int) -> str:
        return str(self.client.execute_command("CLUSTER", *words))

    @property
    def id(self) -> str:
        return self.command("MYID")

    def ends(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the last entry of each stream that this node has, as those on its side see it."""
        self.client.execute_command("READONLY")
        found = {}
        for key in keys:
            with suppress(redis.ResponseError):  # Another node has it, or nobody.
                found[key] = str(self.client.xinfo_stream(key)["last-generated-id"])
        return found

    @property
    def is_master(self) -> bool:
        return bool(self.client.info("replication")["role"] == "master")

    @property
    def is_ok(self) -> bool:
        return "cluster_state:ok" in self.command("INFO")

    @property
    def is_in_step(self) -> bool:
        replication = self.client.info("replication")
        return bool(replication["role"] == "master" or replication["master_link_status"] == "up")


class Cluster:
    """The nodes of a cluster."""

    def __init__(self, nodes: list[Node], network: Network | None = None) -> None:
        self.nodes = nodes
        self.network = network
        self.down: set[Node] = set()
        """The nodes that are killed, or cut off from the others."""

    @property
    def dsn(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in (node.address for node in self.nodes))
        return f"redis+cluster://{hosts}/tickets"

    @property
    def living(self) -> list[Node]:
        return [node for node in self.nodes if node not in self.down]

    @property
    def masters(self) -> list[Node]:
        return [node for node in self.living if node.is_master]

    def form(self) -> None:
        masters, replicas, first = self.nodes[:MASTERS], self.nodes[MASTERS:], self.nodes[0]
        for number, master in enumerate(masters):
            master.command("ADDSLOTSRANGE", number * SLOTS // MASTERS, (number + 1) * SLOTS // MASTERS - 1)
            master.command("SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.command("MEET", *first.address, first.announced_bus_port or first.bus_port)
        for master, replica in zip(masters, replicas, strict=True):
            wait_until(lambda: master.id in replica.command("NODES"))  # noqa: B023 (called at once)
            replica.command("REPLICATE", master.id)
        wait_until(self.is_whole)

    def is_whole(self) -> bool:
        return all(node.is_ok and node.is_in_step for node in self.living) and len(self.masters) == MASTERS

    def is_served(self) -> bool:
        """Tell whether all living nodes know a living master for each slot."""
        return len(self.masters) == MASTERS and all(node.is_ok for node in self.living)

    def master_of(self, key: str) -> Node:
        """Return the living master that has the key's slot."""
        return self._master_of_slot(key_slot(key.encode()))

    def _master_of_slot(self, slot: int) -> Node:
        ranges = self.masters[0].client.execute_command("CLUSTER SLOTS")
        [port] = [primary[1] for first, last, primary, *_ in ranges if first <= slot <= last]
        return next(node for node in self.living if node.address[1] == port)

    def kill(self, node: Node) -> None:
        node.stop()
        self.down.add(node)

    def start_again(self, node: Node) -> None:
        node.start()
        self.down.remove(node)

    def isolate(self, node: Node, *clients: str) -> None:
        """Cut a node, with the clients at these hosts, off from all other nodes, and from the clients at LOOPBACK."""
        assert self.network
        self.network.cut([node.host, *clients], [LOOPBACK, *(other.host for other in self.nodes if other is not node)])
        self.down.add(node)

    def cut_clients(self, node: Node, *clients: str) -> None:
        """Cut clients off from a node that the other nodes reach."""
        assert self.network
        self.network.cut([node.host], clients)

    def heal(self) -> None:
        """End all cuts."""
        assert self.network
        self.network.heal()
        self.down = {node for node in self.down if node.process.returncode is not None}

    def replica_of(self, master: Node) -> Node:
        """Return the living replica of a master."""
        return next(
            node
            for node in self.living
            if not node.is_master and node.client.info("replication")["master_port"] == master.address[1]
        )

    def move(self, key: str) -> None:
        """Move the key's slot to another master, as an operator does who rebalances, while it is written to."""
        self.move_slot(key_slot(key.encode()), key)

    def move_slot(self, slot: int, *keys: str) -> None:
        """Move a slot with its keys to another master."""
        source = self._master_of_slot(slot)
        target = next(master for master in self.masters if master is not source)
        target.command("SETSLOT", slot, "IMPORTING", source.id, *PATIENT)
        source.command("SETSLOT", slot, "MIGRATING", target.id, *PATIENT)
        for key in keys:
            source.client.execute_command("MIGRATE", *target.address, key, 0, 30_000, "REPLACE")
        for node in (target, source, *self.masters):
            node.command("SETSLOT", slot, "NODE", target.id, *PATIENT)


@contextmanager
def running_cluster(
    folder: Path, network: Network | None = None, *, node_timeout_seconds: int = NODE_TIMEOUT_SECONDS
) -> Iterator[Cluster]:
    """Run a cluster, whose nodes can be cut off from each other and from their clients if there is a network."""
    with ExitStack() as stack:
        nodes = []
        for number in range(2 * MASTERS):  # A port is free only until the next node is asked for one, unless it runs.
            nodes.append(Node(VALKEY, folder / f"node-{number}"))
            nodes[-1].timeout_seconds = node_timeout_seconds
            if network:
                nodes[-1].join(network, f"127.0.0.{FIRST_HOST + number}")
            stack.enter_context(running(nodes[-1]))
        cluster = Cluster(nodes, network)
        cluster.form()
        yield cluster
