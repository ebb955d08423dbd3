"""Run a Valkey cluster of three masters, each with a replica, on the loopback interface."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis.cluster import key_slot

from config.supervisord.ports import LOOPBACK, free_port
from tests.network.redis_servers import VALKEY, Server, running
from tests.waiting import wait_until

SLOTS = 16_384
MASTERS = 3
NODE_TIMEOUT_MILLISECONDS = 1_000
"""After which a master that does not answer is replaced."""


class Node(Server):
    """A master or a replica."""

    bus_port = 0

    def options(self) -> list[str]:
        self.bus_port = self.bus_port or free_port()  # By default the port + 10,000, which may not exist.
        numbers = ["--cluster-node-timeout", str(NODE_TIMEOUT_MILLISECONDS), "--cluster-port", str(self.bus_port)]
        return [*super().options(), "--cluster-enabled", "yes", *numbers]

    def command(self, *words: str | int) -> str:
        return str(self.client.execute_command("CLUSTER", *words))

    @property
    def id(self) -> str:
        return self.command("MYID")

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

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.down: set[Node] = set()

    @property
    def dsn(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}/tickets"

    @property
    def living(self) -> list[Node]:
        return [node for node in self.nodes if node not in self.down]

    @property
    def masters(self) -> list[Node]:
        return [node for node in self.living if node.is_master]

    def form(self) -> None:
        masters, replicas = self.nodes[:MASTERS], self.nodes[MASTERS:]
        for number, master in enumerate(masters):
            master.command("ADDSLOTSRANGE", number * SLOTS // MASTERS, (number + 1) * SLOTS // MASTERS - 1)
            master.command("SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.command("MEET", LOOPBACK, self.nodes[0].port, self.nodes[0].bus_port)
        for master, replica in zip(masters, replicas, strict=True):
            wait_until(lambda: master.id in replica.command("NODES"))  # noqa: B023 (called at once)
            replica.command("REPLICATE", master.id)
        wait_until(self.is_whole)

    def is_whole(self) -> bool:
        return all(node.is_ok and node.is_in_step for node in self.living) and len(self.masters) == MASTERS

    def master_of(self, key: str) -> Node:
        """Return the living master that has the key's slot."""
        slot = key_slot(key.encode())
        ranges = self.living[0].client.execute_command("CLUSTER SLOTS")
        [port] = [primary[1] for first, last, primary, *_ in ranges if first <= slot <= last]
        return next(node for node in self.living if node.port == port)

    def kill(self, node: Node) -> None:
        node.stop()
        self.down.add(node)

    def start_again(self, node: Node) -> None:
        node.start()
        self.down.remove(node)

    def move(self, key: str) -> None:
        """Move the key's slot to another master, as an operator does who rebalances, while it is written to."""
        slot, source = key_slot(key.encode()), self.master_of(key)
        target = next(master for master in self.masters if master is not source)
        target.command("SETSLOT", slot, "IMPORTING", source.id)
        source.command("SETSLOT", slot, "MIGRATING", target.id)
        source.client.execute_command("MIGRATE", LOOPBACK, target.port, key, 0, 5_000, "REPLACE")
        for node in (target, source, *self.masters):
            node.command("SETSLOT", slot, "NODE", target.id)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        nodes = []
        for number in range(2 * MASTERS):  # A port is free only until the next node is asked for one, unless it runs.
            nodes.append(Node(VALKEY, folder / f"node-{number}"))
            stack.enter_context(running(nodes[-1]))
        cluster = Cluster(nodes)
        cluster.form()
        yield cluster
