"""What happens to the nodes of Elasticsearch in a round."""

import random
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.network.elasticsearch_cluster import Node, SearchCluster

AWAY_SECONDS = 6.0
"""Longer than the cluster takes to notice that a node hangs."""


class Fault(NamedTuple):
    """What is done to the nodes, and whether the index is rebuilt meanwhile."""

    strike: Callable[[SearchCluster], None]
    is_in_rebuild: bool = False


def _away(cluster: SearchCluster, nodes: list[Node], *, by: str) -> None:
    for node in nodes:
        node.kill() if by == "killed" else node.hang()
    time.sleep(AWAY_SECONDS)  # The fault itself.
    for node in nodes:
        cluster.start(node) if by == "killed" else node.go_on()


def _any_killed(cluster: SearchCluster) -> None:
    _away(cluster, random.sample(cluster.nodes, 1), by="killed")


def _any_hung(cluster: SearchCluster) -> None:
    _away(cluster, random.sample(cluster.nodes, 1), by="hung")


def _master_killed(cluster: SearchCluster) -> None:
    _away(cluster, [cluster.master], by="killed")


def _master_hung(cluster: SearchCluster) -> None:
    _away(cluster, [cluster.master], by="hung")


def _two_killed(cluster: SearchCluster) -> None:
    _away(cluster, random.sample(cluster.nodes, 2), by="killed")


def _two_hung(cluster: SearchCluster) -> None:
    _away(cluster, random.sample(cluster.nodes, 2), by="hung")


def _all_killed_in_turn(cluster: SearchCluster) -> None:
    """Restart the nodes as an upgrade does: the next one once all copies are there again."""
    for node in cluster.nodes:
        node.kill()
        cluster.start(node)
        cluster.wait_until_whole()


FAULTS: Mapping[str, Fault] = {
    "a node killed": Fault(_any_killed),
    "a node hangs": Fault(_any_hung),
    "the master killed": Fault(_master_killed),
    "the master hangs": Fault(_master_hung),
    "two of three killed": Fault(_two_killed),
    "two of three hang": Fault(_two_hung),
    "each killed in turn": Fault(_all_killed_in_turn),
    "a node killed in a rebuild": Fault(_any_killed, is_in_rebuild=True),
    "a node hangs in a rebuild": Fault(_any_hung, is_in_rebuild=True),
}
