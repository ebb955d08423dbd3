"""Run a proxy between clients and Elasticsearch that knows its requests: it refuses some, or parts of them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from config.supervisord.ports import LOOPBACK
from tests.network.in_thread import in_thread

CONTENT_TYPE = "application/vnd.elasticsearch+json;compatible-with=9"
REJECTED = {"type": "es_rejected_execution_exception", "reason": "the queue of the node is full"}
UPSTREAM_SECONDS = 30
PASSED_ON = {"authorization", "content-type", "accept", "accept-encoding", "content-encoding"}


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_bulk(self) -> bool:
        return self.path.partition("?")[0].endswith("/_bulk")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


type Forward = Callable[[Request], Answer]
type Fault = Callable[[Request, Forward], Answer | None]
"""Returns what the client gets, None to cut its connection."""


def pass_on(request: Request, forward: Forward) -> Answer:
    return forward(request)


def refuse(status: HTTPStatus) -> Fault:
    """Refuse each request as a node that has too much to do does."""
    body = json.dumps({"error": {**REJECTED, "root_cause": [REJECTED]}, "status": status}).encode()
    return lambda _request, _forward: _answer(status, body)


def refuse_half_of_bulk(request: Request, forward: Forward) -> Answer:
    """Let Elasticsearch write every second document of a bulk request, and refuse the others."""
    if not request.is_bulk:
        return forward(request)
    lines = request.body.splitlines()
    if any(b'"delete"' in line for line in lines[::2]):
        return forward(request)
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    kept = b"".join(action + b"\n" + source + b"\n" for action, source in pairs[1::2])
    answered = json.loads(forward(request._replace(body=kept)).body)["items"] if kept else []
    return _answer(HTTPStatus.OK, json.dumps({"items": [*map(_rejected, pairs[::2]), *answered]}).encode())


def lose_answers(request: Request, forward: Forward) -> None:
    """Let Elasticsearch do what it is asked, and cut the connection instead of answering."""
    forward(request)


def late(seconds: float) -> Fault:
    def answer(request: Request, forward: Forward) -> Answer:
        time.sleep(seconds)  # The delay is the fault.
        return forward(request)

    return answer


class ElasticsearchProxy(ThreadingHTTPServer):
    """Listens on a loopback port; the fault may be changed at any time."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.upstream_port = port
        self.fault: Fault = pass_on
        self.faults = 0
        self.refuses = False

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.server_port}"

    def verify_request(self, *_: object) -> bool:
        return not self.refuses

    def handle_error(self, *_: Any) -> None:
        """Print nothing: clients are killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: ElasticsearchProxy

    def setup(self) -> None:
        super().setup()
        self.upstream = HTTPConnection(LOOPBACK, self.server.upstream_port, timeout=UPSTREAM_SECONDS)

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() in PASSED_ON}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault
        self.server.faults += fault is not pass_on
        try:
            answer = fault(Request(self.command, self.path, headers, body), self._forward)
        except (OSError, HTTPException):  # Elasticsearch is away.
            self.upstream.close()
            answer = None
        if answer is None:
            self.close_connection = True
            return
        with suppress(OSError):
            self._answer(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815 (the base class looks for these names)

    def _forward(self, request: Request) -> Answer:
        self.upstream.request(request.method, request.path, request.body or None, request.headers)
        response = self.upstream.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())

    def _answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _answer(status: int, body: bytes) -> Answer:
    return Answer(status, {"X-Elastic-Product": "Elasticsearch", "Content-Type": CONTENT_TYPE}, body)


def _rejected(pair: tuple[bytes, bytes]) -> dict[str, Any]:
    action = json.loads(pair[0])["index"]
    return {"index": {"_id": action["_id"], "status": HTTPStatus.TOO_MANY_REQUESTS, "error": REJECTED}}


@contextmanager
def running_elasticsearch_proxy(port: int) -> Iterator[ElasticsearchProxy]:
    with in_thread(ElasticsearchProxy(port)) as proxy:
        yield proxy
