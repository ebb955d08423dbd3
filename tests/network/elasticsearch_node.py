"""Run one node of a cluster in this process.

Run as `python -m tests.network.elasticsearch_node HOME PORT TRANSPORT_PORT SEED...`; the seeds are the transport
ports of all nodes, whose names are those of their ports. The nodes share the files of HOME, but not the data.
"""

import sys
from pathlib import Path

from config.engines.elasticsearch_node import node_settings, run
from config.supervisord.ports import LOOPBACK

HEAP = "256m"
QUICK = {
    # By default a node that hangs is noticed after 30 s.
    "cluster.fault_detection.follower_check.interval": "200ms",
    "cluster.fault_detection.follower_check.timeout": "2s",
    "cluster.fault_detection.follower_check.retry_count": "2",
    "cluster.fault_detection.leader_check.interval": "200ms",
    "cluster.fault_detection.leader_check.timeout": "2s",
    "cluster.fault_detection.leader_check.retry_count": "2",
    "cluster.follower_lag.timeout": "5s",
    "cluster.publish.timeout": "5s",
    "discovery.find_peers_interval": "200ms",
    "discovery.request_peers_timeout": "1s",
    "transport.connect_timeout": "2s",
}


def settings_of(home: Path, port: str, transport_port: str, seeds: list[str]) -> dict[str, str]:
    name = f"node-{transport_port}"
    settings = node_settings(home, port)
    del settings["discovery.type"]
    return {
        **settings,
        **QUICK,
        "node.name": name,
        "path.data": str(home / name / "data"),
        "path.logs": str(home / name / "logs"),
        "transport.port": transport_port,
        "node.processors": "1",  # By default each would have as many threads as for a machine of its own.
        "discovery.seed_hosts": ",".join(f"{LOOPBACK}:{seed}" for seed in seeds),
        "cluster.initial_master_nodes": ",".join(f"node-{seed}" for seed in seeds),
    }


if __name__ == "__main__":
    home, (port, transport_port, *seeds) = Path(sys.argv[1]), sys.argv[2:]
    run(home, settings_of(home, port, transport_port, seeds), heap=HEAP, is_alone=False)
