"""Choose among the nodes of Elasticsearch: one that hangs gets few requests, and no more until it is well again.

Loading this module loads a part of Elasticsearch's client.
"""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import count
from threading import Lock
from typing import Any

from elastic_transport import BaseNode, ConnectionTimeout, HttpHeaders, NodeSelector, Urllib3HttpNode
from elastic_transport import ConnectionError as NotConnected
from elastic_transport.client_utils import DEFAULT

PROBE_SECONDS = 1.0
PROBE = "/_cluster/health?filter_path=status&master_timeout=900ms"
"""The answer is the master's, so that a node that hung gets no search before it knows what has happened meanwhile."""


class WatchedNode(Urllib3HttpNode):
    """Counts the requests under way, and knows whether the last one was answered."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.under_way = 0
        self.is_silent = False
        self._lock = Lock()

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = DEFAULT,
    ) -> Any:
        with self._lock:
            self.under_way += 1
        try:
            answer = self._perform(method, target, body, headers, request_timeout)
        except (NotConnected, ConnectionTimeout):
            self.is_silent = True
            raise
        else:
            self.is_silent = False
            return answer
        finally:
            with self._lock:
                self.under_way -= 1

    def _perform(self, method: str, target: str, *request: Any) -> Any:
        return super().perform_request(method, target, *request)


class ProbedNode(WatchedNode):
    """One of several nodes. After a failure it is asked for its master first: it may still hang, or be out of date."""

    def _perform(self, method: str, target: str, *request: Any) -> Any:
        if self.is_silent:
            self._probe(request[1])
        return super()._perform(method, target, *request)

    def _probe(self, headers: HttpHeaders | None) -> None:
        """Raise NotConnected, after which the next node is asked, unless the node answers soon and has a master."""
        try:
            answer = super()._perform("GET", PROBE, None, headers, PROBE_SECONDS)
        except ConnectionTimeout as error:
            raise NotConnected(f"the node has not answered within {PROBE_SECONDS} s", errors=(error,)) from error
        if answer.meta.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NotConnected(f"the node has no master yet ({answer.meta.status})")


class LeastBusy(NodeSelector):
    """Selects the node with the fewest requests under way, and in turn where several have as few.

    Requests that hang keep their node busy, so that further ones go elsewhere.
    """

    def __init__(self, node_configs: Any) -> None:
        super().__init__(node_configs)
        self._turns = count()

    def select(self, nodes: Sequence[BaseNode]) -> BaseNode:
        watched = [(node.under_way if isinstance(node, WatchedNode) else 0, node) for node in nodes]
        fewest = min(under_way for under_way, _ in watched)
        idle = [node for under_way, node in watched if under_way == fewest]
        return idle[next(self._turns) % len(idle)]


def all_are_silent(nodes: Sequence[BaseNode]) -> bool:
    return all(node.is_silent for node in nodes if isinstance(node, WatchedNode))
