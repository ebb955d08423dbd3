"""Kill nodes of the cluster, cut its network, move slots, and let nodes return with old data or none.

Each ends with a whole cluster; how long it lasts beside depends on the cluster.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from threading import Timer
from typing import Any

from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from config.supervisord.ports import LOOPBACK
from events.log.partitions import partition_count
from tests.faults.cluster.servers import FAR_HOST, PARTITIONS
from tests.faults.driver.faults import Harm, fault
from tests.faults.driver.harm import AT_ONCE, SHORT
from tests.faults.split_brain import split
from tests.network.redis_cluster import SLOTS, Node
from tests.waiting import wait_until

CLUSTER = "cluster"
KEYS = [f"tickets:{partition}" for partition in range(PARTITIONS)]
FILES = ("appendonlydir", "dump.rdb")
"""The data of a node; its place in the cluster is in nodes.conf."""
LONG = (0.5, 3.0)
MANY_SLOTS = 200
MOST_PARTITIONS = 16
COMMAND_SECONDS = 0.1
"""How long repartition_events may take."""


def cluster_of(harm: Harm) -> Any:
    servers: Any = harm.servers
    return servers.cluster


def some_master(harm: Harm) -> Node:
    """Return the master of a partition."""
    cluster = cluster_of(harm)
    found: Node = cluster.master_of(harm.random.choice(KEYS))
    return found


@fault("cluster: a master is killed", CLUSTER, weight=2, seconds=SHORT)
def master_killed(harm: Harm) -> Iterator[None]:
    cluster, master = cluster_of(harm), some_master(harm)
    cluster.kill(master)
    wait_until(cluster.is_served)
    yield
    cluster.start_again(master)
    wait_until(cluster.is_whole)


@fault("cluster: a master is killed, and returns at once", CLUSTER, seconds=AT_ONCE)
def master_restarted(harm: Harm) -> Iterator[None]:
    cluster, master = cluster_of(harm), some_master(harm)
    cluster.kill(master)
    cluster.start_again(master)
    yield
    wait_until(cluster.is_whole)


@fault("cluster: a master is killed while the log is repartitioned", CLUSTER, weight=2, seconds=SHORT)
def killed_while_repartitioned(harm: Harm) -> Iterator[None]:
    """The log gets twice as many partitions, until it has the most; once all is emptied, it begins again."""
    cluster, master, wanted = cluster_of(harm), some_master(harm), 2 * partition_count()
    killing = Timer(harm.random.uniform(0, COMMAND_SECONDS), cluster.kill, [master])
    killing.start()
    harm.has_struck = wanted <= MOST_PARTITIONS
    wait_until(lambda: not harm.has_struck or _has_repartitioned(wanted))
    killing.join()
    wait_until(cluster.is_served)
    yield
    cluster.start_again(master)
    wait_until(cluster.is_whole)


def _has_repartitioned(wanted: int) -> bool:
    """Run the command, which changes nothing if it fails."""
    try:
        call_command("repartition_events", "--to", str(wanted), "--yes", stdout=StringIO())
    except (CommandError, OperationalError):  # A master is away, or another fault has ended the session.
        connection.close()
        return False
    return True


@fault("cluster: all masters are killed at once", CLUSTER, seconds=SHORT)
def all_masters_killed(harm: Harm) -> Iterator[None]:
    """No majority is left that could choose others."""
    cluster = cluster_of(harm)
    masters = cluster.masters
    for master in masters:
        cluster.kill(master)
    yield
    for master in masters:
        cluster.start_again(master)
    wait_until(cluster.is_whole)


@fault("cluster: all nodes are killed at once", CLUSTER, seconds=SHORT)
def all_nodes_killed(harm: Harm) -> Iterator[None]:
    cluster = cluster_of(harm)
    for node in cluster.nodes:
        cluster.kill(node)
    yield
    for node in cluster.nodes:
        cluster.start_again(node)
    wait_until(cluster.is_whole)


@fault("cluster: a replica is promoted by hand", CLUSTER, weight=2, targets=("", "FORCE", "TAKEOVER"), seconds=AT_ONCE)
def replica_promoted(harm: Harm) -> Iterator[None]:
    cluster, master = cluster_of(harm), some_master(harm)
    replica = cluster.replica_of(master)
    replica.command("FAILOVER", *filter(None, [harm.strike.target]))
    wait_until(lambda: replica.is_master)
    yield
    wait_until(cluster.is_whole)


@fault("cluster: a partition's slot moves", CLUSTER, weight=2, seconds=AT_ONCE)
def slot_moved(harm: Harm) -> Iterator[None]:
    cluster_of(harm).move(harm.random.choice(KEYS))
    yield


@fault("cluster: many slots move, those of all partitions too", CLUSTER, seconds=AT_ONCE)
def many_slots_moved(harm: Harm) -> Iterator[None]:
    cluster = cluster_of(harm)
    for slot in harm.random.sample(range(SLOTS), MANY_SLOTS):
        cluster.move_slot(slot)
    for key in KEYS:
        cluster.move(key)
    yield


@fault("cluster: clients can't reach a master", CLUSTER, weight=2, seconds=LONG)
def clients_cut(harm: Harm) -> Iterator[None]:
    """The other nodes reach it, so that nobody replaces it."""
    cluster = cluster_of(harm)
    cluster.cut_clients(some_master(harm), LOOPBACK, FAR_HOST)
    yield
    cluster.heal()


@fault("cluster: a master and its clients are cut off", CLUSTER, weight=3, seconds=SHORT)
def split_brain(harm: Harm) -> Iterator[None]:
    """Until it notices, the master takes entries that the cluster will never have."""
    cluster = cluster_of(harm)
    split(cluster, harm.random.randrange(PARTITIONS), FAR_HOST)
    wait_until(cluster.is_served)
    yield
    cluster.heal()
    wait_until(cluster.is_whole)


@fault("cluster: no node reaches another", CLUSTER, seconds=LONG)
def bus_cut(harm: Harm) -> Iterator[None]:
    cluster = cluster_of(harm)
    hosts = [node.host for node in cluster.nodes]
    for number, host in enumerate(hosts):
        cluster.network.cut([host], hosts[number + 1 :])
    yield
    cluster.heal()
    wait_until(cluster.is_whole)


@fault("cluster: a master returns with old data, its replica is lost", CLUSTER, seconds=AT_ONCE)
def old_data(harm: Harm) -> Iterator[None]:
    """The files are copied while the server writes, as by a snapshot of the disk, some entries earlier."""
    cluster, master = cluster_of(harm), some_master(harm)
    copies = master.folder / "copies"
    shutil.rmtree(copies, ignore_errors=True)
    shutil.copytree(master.folder / FILES[0], copies)
    before = master.ends(KEYS)
    with suppress(AssertionError):
        wait_until(lambda: master.ends(KEYS) != before, within_seconds=5)
    _return_with(harm, master, lambda: shutil.copytree(copies, master.folder / FILES[0]))
    yield
    wait_until(cluster.is_whole)


@fault("cluster: a master returns empty, its replica is lost", CLUSTER, seconds=AT_ONCE)
def no_data(harm: Harm) -> Iterator[None]:
    _return_with(harm, some_master(harm), lambda: None)
    yield
    wait_until(cluster_of(harm).is_whole)


def _return_with(harm: Harm, master: Node, restore: Any) -> None:
    """Kill a master and its replica, and let both return, the master with other data."""
    cluster = cluster_of(harm)
    replica = cluster.replica_of(master)
    cluster.kill(replica)
    cluster.kill(master)
    for node in (master, replica):
        for name in FILES:
            shutil.rmtree(node.folder / name, ignore_errors=True)
    restore()
    cluster.start_again(master)
    cluster.start_again(replica)
