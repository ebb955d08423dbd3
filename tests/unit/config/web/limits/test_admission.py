"""The limits of a process, without a web server; tests/faults/test_hostile_clients.py attacks a real one."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from pytest_django import Settings

from config.web.limits.admission import limited
from config.web.limits.places import PLACE

FORM = [(b"content-type", b"multipart/form-data; boundary=x")]
LARGE = 300_000

type Headers = Sequence[tuple[bytes, bytes]]


class Server:
    """The limits around an application that notes the bodies that reach it, and answers when it may."""

    def __init__(self) -> None:
        self.application = limited(self._serve)
        self.bodies: list[bytes] = []
        self.may_answer = asyncio.Event()
        self.gives_its_place_back = False

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        if self.gives_its_place_back:
            scope[PLACE].give_back()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Client:
    """A request in parts; the client waits for the answer unless it hangs up."""

    def __init__(
        self, server: Server, parts: Iterable[bytes] = (b"",), *, path: str = "/api/tickets/", headers: Headers = ()
    ) -> None:
        self._messages: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        for part in parts:
            self._messages.put_nowait({"type": "http.request", "body": part, "more_body": bool(part)})
        self.sent: list[Any] = []
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        self.task = asyncio.create_task(server.application(scope, self._messages.get, self._note))

    async def _note(self, message: Any) -> None:
        self.sent.append(message)

    def hang_up(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        await self.task
        return int(self.sent[0]["status"])

    async def problem(self) -> tuple[int, str]:
        status = await self.status()
        found = json.loads(self.sent[1]["body"])
        assert found["status"] == status
        return status, found["detail"]


async def turns() -> None:
    """Let every task come to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _small_limits(settings: Settings) -> None:
    settings.WEB_REQUESTS_AT_ONCE = 1
    settings.WEB_BODY_BYTES = settings.WEB_BODIES_BYTES = 1_000_000


@pytest.mark.parametrize(
    ("headers", "parts", "path"),
    [
        ([(b"content-length", b"1000001")], [], "/api/tickets/"),
        ([], [b"x" * LARGE] * 4, "/api/tickets/"),
        (FORM, [b"x" * LARGE] * 4, "/api/tickets/"),
        (FORM, [b"x" * LARGE] * 4, "/admin/tickets/ticket/import/"),
    ],
    ids=["declared", "without a length", "a form", "a form of the admin, without a permit"],
)
def test_a_body_that_is_too_large_is_refused_before_the_application(
    headers: Headers, parts: list[bytes], path: str
) -> None:
    async def scenario() -> None:
        server = Server()
        client = Client(server, [*parts, b""], headers=headers, path=path)

        assert await client.status() == 413
        assert b"The body is too large; send at most 1,000,000 bytes" in client.sent[1]["body"]
        assert server.bodies == []

    asyncio.run(scenario())


TOO_LARGE = [(b"content-length", b"1000001")]


def test_a_page_s_body_that_is_too_large_is_answered_with_a_page() -> None:
    async def scenario() -> None:
        client = Client(Server(), path="/log-in/", headers=TOO_LARGE)

        assert await client.status() == 413
        headers = dict(client.sent[0]["headers"])
        assert headers[b"content-type"] == b"text/html; charset=utf-8"
        assert b"style-src 'self'" in headers[b"content-security-policy"]
        assert b"The body is too large; send at most 1,000,000 bytes." in client.sent[1]["body"]
        for preferred in ((b"accept-language", b"de-DE,de;q=0.9"), (b"cookie", b"django_language=de")):
            german = Client(Server(), path="/log-in/", headers=[*TOO_LARGE, preferred])
            assert await german.status() == 413
            assert "Die Anfrage ist zu groß; senden Sie höchstens".encode() in german.sent[1]["body"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("encodings", "status"),
    [
        ([b""], 200),
        ([b"identity"], 200),
        ([b" Identity"], 200),
        ([b"identity, identity"], 200),
        ([b"gzip"], 415),
        ([b"identity, br"], 415),
        ([b"identity", b"gzip"], 415),
    ],
)
def test_an_encoded_body_is_refused_unread(encodings: list[bytes], status: int) -> None:
    async def scenario() -> None:
        server = Server()
        server.may_answer.set()
        client = Client(server, [b"{}", b""], headers=[(b"content-encoding", each) for each in encodings])

        assert await client.status() == status
        assert server.bodies == ([b"{}"] if status == 200 else [])
        assert ((b"accept-encoding", b"identity") in client.sent[0]["headers"]) == (status == 415)

    asyncio.run(scenario())


def test_a_body_that_stops_arriving_is_refused(settings: Settings) -> None:
    settings.WEB_BODY_SECONDS = 0.01

    async def scenario() -> None:
        server = Server()

        assert await Client(server, [b"x"]).problem() == (408, "The body did not arrive within 0.01 seconds.")
        assert server.bodies == []

    asyncio.run(scenario())


def test_bodies_share_a_memory_but_small_ones_always_fit(settings: Settings) -> None:
    settings.WEB_BODIES_BYTES = LARGE

    async def scenario() -> None:
        server = Server()
        server.may_answer.set()
        stalled = Client(server, [b"x" * LARGE])
        await turns()

        assert (await Client(server, [b"x" * LARGE, b""]).problem())[0] == 503
        assert await Client(server, [b"x", b""]).status() == 200

        stalled.hang_up()
        assert await Client(server, [b"x" * LARGE, b""]).status() == 200
        assert server.bodies == [b"x", b"x" * LARGE]

    asyncio.run(scenario())


def test_requests_beyond_the_places_wait_and_those_that_are_gone_never_begin() -> None:
    async def scenario() -> None:
        server = Server()
        first = Client(server, [b"first", b""])
        await turns()
        gone, second = Client(server, [b"gone", b""]), Client(server, [b"second", b""])
        await turns()
        gone.hang_up()
        await gone.task
        assert server.bodies == [b"first"]

        server.may_answer.set()

        assert [await client.status() for client in (first, second)] == [200, 200]
        assert server.bodies == [b"first", b"second"]
        assert gone.sent == []

    asyncio.run(scenario())


def test_a_request_that_waits_too_long_for_a_place_is_told_when_to_come_back(settings: Settings) -> None:
    settings.WEB_QUEUE_SECONDS = 0.01

    async def scenario() -> None:
        server = Server()
        Client(server)
        await turns()
        refused = Client(server)

        assert (await refused.problem())[0] == 503
        assert (b"retry-after", b"5") in refused.sent[0]["headers"]

    asyncio.run(scenario())


def test_a_request_that_has_given_its_place_back_keeps_no_other_waiting() -> None:
    async def scenario() -> None:
        server = Server()
        server.gives_its_place_back = True
        for _ in range(3):
            Client(server)
        await turns()

        assert len(server.bodies) == 3

    asyncio.run(scenario())


def test_liveness_needs_neither_a_place_nor_the_body() -> None:
    async def scenario() -> None:
        server = Server()
        Client(server)
        await turns()

        assert await Client(server, [], path="/healthz", headers=[(b"content-length", b"10")]).status() == 200

    asyncio.run(scenario())
