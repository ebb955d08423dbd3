"""The client that all requests of a process share."""

from readmodel.conf import conf
from readmodel.index.client import shared_client


def test_each_request_that_may_wait_has_a_connection_of_its_own() -> None:
    [node] = shared_client("http://localhost:9200").transport.node_pool.all()

    assert node.config.connections_per_node == conf.max_waiting
