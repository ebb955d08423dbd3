"""Send mutated requests over raw connections to the real web server."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random

import pytest
from django.contrib.auth.models import User

from accounts.models import Token
from config.supervisord.ports import LOOPBACK, answers
from tests.integration.fuzz.examples import number_of
from tests.network.feed_server import Server, serving
from tests.tickets import rows
from tests.waiting import PATIENCE_SECONDS

EXAMPLES = 200
ANSWER_SECONDS = 0.5
"""How long to wait for an answer: a mutation may have made a request whose rest the server awaits."""
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
FAILURES = {500, 501, 502, 504}
TICKET = (
    b'{"title": "Night", "venue": "Arena", "starts_at": "2027-05-01T20:00:00Z", "holder_name": "Ada", '
    b'"holder_email": "ada@example.org", "price": "25.00", "currency": "EUR"}'
)
REQUESTS = [
    b"POST /api/tickets/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(TICKET), TICKET),
    b"POST /api/tickets/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
    b"Content-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(TICKET), TICKET),
    b"GET /api/tickets/?status=issued&page=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
    b"X-Request-ID: a\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
    b"GET /api/events/?after=MTI&limit=5 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
    b"Accept: application/json;q=0.5\r\nRange: bytes=0-5\r\n\r\n",
    b"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\nLast-Event-ID: MTI\r\n\r\n",
    b"GET /api/search/tickets/?q=a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
    b"Consistency-Token: 1~a~b\r\n\r\n",
    b"POST /api/tickets/0198c0de-0000-7000-8000-000000000000/cancel/ HTTP/1.1\r\nHost: localhost\r\n"
    b'Authorization: Bearer TOKEN\r\nIf-Match: "1"\r\nContent-Length: 0\r\n\r\n',
    b"GET /?q=a&price=25-50 HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=a; time_zone=Europe/Berlin\r\n"
    b'If-None-Match: "a"\r\nIf-Modified-Since: Sat, 01 May 2027 20:00:00 GMT\r\n\r\n',
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b'Content-Length: 71\r\n\r\n--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nroot\r\n--x--\r\n',
]
PIECES = [
    *(
        b"\0",
        b"\r\n",
        b"\r",
        b"\n",
        b"\xff",
        b"%00",
        b"%FF",
        b"%",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"=",
        b'"',
        b"/",
        b"//",
    ),
    *(b"..", b"?", b"#", b"9" * 30, b"-1", b"{", b"[" * 5_000, b"\xed\xa0\x80", b"x" * 3_000, b"HTTP/1.0", b"HTTP/9.9"),
    *(
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\n",
    ),
    *(
        b"Connection: upgrade\r\n",
        b"Host: evil.example\r\n",
        b"Content-Encoding: gzip\r\n",
        b"X-Forwarded-For: \xff\r\n",
    ),
]


def mutated(number: int, token: str) -> bytes:
    """Return the request with this number, the same each time."""
    chance = Random(number)
    request = chance.choice(REQUESTS).replace(b"TOKEN", token.encode())
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(request))
        end = start + chance.choice([0, 0, 1, 10, 100])
        request = request[:start] + chance.choice([b"", bytes([chance.randrange(256)]), *PIECES]) + request[end:]
    return request


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def token(transactional_db: None) -> str:
    return Token.issue(user=User.objects.create_superuser("root"), name="of a test").text


def test_no_bytes_on_a_connection_make_the_server_fail(server: Server, token: str) -> None:
    requests = {number: mutated(number, token) for number in range(number_of(EXAMPLES))}

    with ThreadPoolExecutor(16) as threads:
        found = threads.map(lambda request: statuses(server, request), requests.values())
        failed = {number: those for number, those in zip(requests, found, strict=True) if FAILURES & set(those)}

    assert failed == {}
    assert answers(server.port, "/healthz")


@pytest.mark.parametrize(("end", "status", "count"), [(b"0", 201, 1), (b"x", 400, 0)])
def test_a_body_in_chunks_is_read_and_malformed_chunks_are_refused(
    server: Server, token: str, end: bytes, status: int, count: int
) -> None:
    chunked = REQUESTS[1].replace(b"TOKEN", token.encode()).replace(b"Host:", b"Connection: close\r\nHost:")

    found = statuses(server, chunked.replace(b"\r\n0\r\n", b"\r\n%s\r\n" % end), seconds=PATIENCE_SECONDS)

    assert (found, len(rows())) == ([status], count)


def statuses(server: Server, request: bytes, *, seconds: float = ANSWER_SECONDS) -> list[int]:
    """Send the bytes; return the status of each answer."""
    answer = b""
    with socket.create_connection((LOOPBACK, server.port)) as connection, suppress(TimeoutError, ConnectionError):
        connection.settimeout(seconds)
        connection.sendall(request)
        while part := connection.recv(100_000):
            answer += part
    return [int(status) for status in STATUS.findall(answer)]
