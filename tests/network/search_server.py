"""A server that answers searches as Elasticsearch does, also with a refusal that a shared server must not be set to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from config.supervisord.ports import LOOPBACK
from tests.network.in_thread import in_thread

# What Elasticsearch 9.5 answers if search.allow_expensive_queries is false; that setting is of a whole cluster.
CAUSE = {
    "type": "exception",
    "reason": "[prefix] queries cannot be executed when 'search.allow_expensive_queries' is set to false.",
}
REFUSAL = {
    "error": {"root_cause": [CAUSE], "type": "search_phase_execution_exception", "reason": "all shards failed"},
    "status": 400,
}


class _Answer(BaseHTTPRequestHandler):
    """Answers every request as the server has been told, and keeps what it was asked."""

    server: "_Server"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self.server.answers(self.path)
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            "X-Elastic-Product": "Elasticsearch",
            "Content-Type": "application/vnd.elasticsearch+json;compatible-with=9",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 (the base class looks for this name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, refuses: bool = False, has_master: bool = True) -> None:
        super().__init__((LOOPBACK, 0), _Answer)
        self.refuses = refuses
        self.has_master = has_master
        self.asked: list[tuple[str, str]] = []

    def answers(self, path: str) -> tuple[int, dict[str, Any]]:
        if path.startswith("/_cluster/health") and not self.has_master:
            return 503, {"error": {"type": "master_not_discovered_exception"}, "status": 503}
        if path.startswith("/_cluster/settings"):
            return 200, {"persistent": {"search": {"allow_expensive_queries": "false" if self.refuses else "true"}}}
        if path.startswith("/_msearch"):
            return 200, {"responses": [REFUSAL]}
        return (400, REFUSAL) if self.refuses else (200, {"hits": {"hits": []}})


@contextmanager
def answering(**how: bool) -> Iterator[_Server]:
    with in_thread(_Server(**how)) as server:
        yield server
