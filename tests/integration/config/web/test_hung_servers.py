"""Requests while Elasticsearch or Redis does not answer: none that waits holds a database session."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.consistency_token import HEADER, ConsistencyToken, Newest, sign_token
from events.stream.interface import Stream
from readmodel.index.document_index import connect
from readmodel.index.guarded_transport import FAILURES
from readmodel.tickets.documents import TicketDocuments
from tests.database_server import SESSIONS
from tests.network.asking_server import AskingServer, asking_server
from tests.network.proxy import Proxy, cut, pass_on, running_proxy, with_address
from tests.tickets import FIELDS, issue
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TICKET_ID = UUID(int=1)
BODY = {**FIELDS, "starts_at": "2027-05-01T22:00:00+02:00", "price": "25.00"}
FORM = {**BODY, "code": "ABC", "starts_at_0": "2027-05-01", "starts_at_1": "22:00:00", "time_zone": "UTC"}
PASSWORD = "correct horse"
NEW = "battery staple horse"
SEARCH = "/api/search/tickets/"
POLLING_CLIENTS = 20
WRITES = 5
GENEROUS_SECONDS = 3.0
"""A write takes some milliseconds; it would wait for the searches' time-out of 5 s if they had all sessions."""


class Asked(NamedTuple):
    """A request, and the server that it waits for."""

    path: str
    server: str = ""
    data: Any = None
    headers: dict[str, str] | None = None


TOKEN = {HEADER: "its token"}
CHANGE = {"version": "1", "confirmed": "on"} | {name: FIELDS[name] for name in ("holder_name", "holder_email", "seat")}
REQUESTS = [
    Asked("/", "elasticsearch"),
    Asked("/?q=x&facets=venue", "elasticsearch"),
    Asked(f"/tickets/{TICKET_ID}/", "elasticsearch"),
    Asked("/freshness/", "elasticsearch"),
    Asked("/suggestions/?q=xy", "elasticsearch"),
    Asked("/venues/?q=xy", "elasticsearch"),
    Asked(f"/tickets/{TICKET_ID}/live/"),
    Asked(f"/tickets/{TICKET_ID}/cancel/", "redis", CHANGE),
    Asked(f"/tickets/{TICKET_ID}/void/", "redis", CHANGE),
    Asked(f"/tickets/{TICKET_ID}/check-in/", "redis", CHANGE),
    Asked(f"/tickets/{TICKET_ID}/correct/", "redis", CHANGE | {"seat": "B7"}),
    Asked(f"/tickets/{TICKET_ID}/undo-check-in/"),
    Asked(f"/tickets/{TICKET_ID}/reinstate/"),
    Asked("/gate/"),
    Asked("/gate/worker.js"),
    Asked("/language/", data={"language": "de"}),
    Asked("/lookup/?code=x"),
    Asked("/log-in/"),
    Asked("/log-in/code/"),
    Asked("/second-factor/"),
    Asked("/log-out/", data={}),
    Asked("/password/"),
    Asked("/password/changed/"),
    Asked(f"{SEARCH}?q=x", "elasticsearch"),
    Asked(f"{SEARCH}?cursor=", "elasticsearch"),
    Asked(f"{SEARCH}?q=x", "elasticsearch", headers=TOKEN),
    Asked("/api/search/tickets/suggestions/?q=xy", "elasticsearch"),
    Asked("/api/tickets/"),
    Asked(f"/api/tickets/{TICKET_ID}/"),
    Asked("/api/tickets/", "redis", BODY),
    Asked(f"/api/tickets/{TICKET_ID}/cancel/", "redis", {}),
    Asked(f"/api/tickets/{TICKET_ID}/check-in/", "redis", {}),
    Asked("/api/tickets/bulk/", data={"action": "cancel", "ids": [str(TICKET_ID)]}),
    Asked(f"/api/tickets/{TICKET_ID}/undo-check-in/", data={}),
    Asked(f"/api/tickets/{TICKET_ID}/reinstate/", data={}),
    Asked(f"/api/tickets/{TICKET_ID}/ticket.pdf"),
    Asked(f"/api/tickets/{TICKET_ID}/ticket.png"),
    Asked("/api/check-ins/", "redis", {"code": "gate"}),
    Asked("/api/gate/check-ins/", data=[]),
    Asked("/api/gate/codes/"),
    Asked("/api/jobs/"),
    Asked("/admin/tickets/ticket/add/", "redis", FORM),
    Asked("/api/events/"),
    Asked("/api/events/stream"),
    Asked("/api/schema/"),
    Asked("/api/docs/"),
    Asked("/api/redoc/"),
    Asked("/healthz"),
    Asked("/readyz", "both"),
    Asked("/metrics", "both"),
]


def sessions_in_use() -> int:
    in_use: int = connection.pool.in_use
    return in_use


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    return client


@pytest.fixture
def elasticsearch_server(settings: Settings) -> Iterator[AskingServer]:
    with asking_server(sessions_in_use) as server:
        settings.ELASTICSEARCH_URL = f"http://{server.address}"
        yield server


@pytest.fixture
def redis_server(settings: Settings) -> Iterator[AskingServer]:
    with asking_server(sessions_in_use) as server:
        settings.EVENTS_STREAM_URL = f"redis://{server.address}/tickets"
        yield server


@pytest.mark.parametrize(
    "asked", REQUESTS, ids=lambda asked: f"{'POST' if asked.data is not None else 'GET'} {asked.path}"
)
def test_no_request_that_asks_a_server_holds_a_session(
    client: Client, stream: Stream, asked: Asked, elasticsearch_server: AskingServer, redis_server: AskingServer
) -> None:
    issue(id=TICKET_ID, code="GATE")
    connection.close()  # A request begins without a session.
    for server in (elasticsearch_server, redis_server):
        server.seen.clear()

    send(client, asked)

    seen = {"elasticsearch": elasticsearch_server.seen, "redis": redis_server.seen}
    assert {name for name, found in seen.items() if found} == (
        {*seen} if asked.server == "both" else {asked.server} - {""}
    )
    assert {in_use for found in seen.values() for in_use in found} <= {0}


def send(client: Client, asked: Asked) -> None:
    headers = asked.headers and {HEADER: token()}
    if asked.data is None:
        client.get(asked.path, headers=headers)
    else:
        is_form = not asked.path.startswith("/api/")
        client.post(asked.path, asked.data, **({} if is_form else {"content_type": "application/json"}))
    connection.close()


def token() -> str:
    return sign_token(ConsistencyToken(events=(Newest("ticket.issued", str(TICKET_ID), 1),)))


def test_every_url_but_the_admin_s_is_tried() -> None:
    tried = {resolve(urlsplit(asked.path).path).route for asked in REQUESTS}

    # The router's routes have a second form, with a suffix for the format.
    missing = {route for route in routes(get_resolver()) if not route.startswith(("admin/", "api/^"))} - tried
    assert missing == set()


def routes(resolver: URLResolver, above: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


@pytest.mark.parametrize(
    ("path", "data", "hashes"),
    [
        ("/log-in/", {"username": "admin", "password": PASSWORD}, 1),
        ("/log-in/", {"username": "stranger", "password": PASSWORD}, 1),
        (
            "/password/",
            {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
            2,
        ),
    ],
)
def test_no_session_is_held_while_a_password_is_hashed(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str, data: dict[str, str], hashes: int
) -> None:
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    seen, compute = [], hashers.pbkdf2

    def look_and_compute(*args: Any, **options: Any) -> bytes:
        seen.append(sessions_in_use())
        return compute(*args, **options)

    monkeypatch.setattr(hashers, "pbkdf2", look_and_compute)
    client.get("/log-in/")
    client.post(path, data)

    assert seen == [0] * hashes


def test_writes_succeed_at_once_while_elasticsearch_hangs(client: Client, settings: Settings, stream: Stream) -> None:
    waiting, done = Semaphore(0), Event()

    def hang() -> int:
        waiting.release()
        done.wait()
        return 0

    def poll(path: str) -> None:
        polling = Client()
        polling.cookies = client.cookies
        while not done.is_set():
            polling.get(path)
            connection.close()

    connection.close()  # Else this thread would have its session already.
    with asking_server(hang) as server, ThreadPoolExecutor(POLLING_CLIENTS) as threads:
        settings.ELASTICSEARCH_URL = f"http://{server.address}"
        polling = [threads.submit(poll, ("/freshness/", SEARCH)[number % 2]) for number in range(POLLING_CLIENTS)]
        assert all(waiting.acquire(timeout=PATIENCE_SECONDS) for _ in range(SESSIONS))
        took = [seconds_of(lambda: issue_over_rest(client)) for _ in range(WRITES)]
        done.set()

    assert [found.exception() for found in polling] == [None] * POLLING_CLIENTS
    assert max(took) < GENEROUS_SECONDS


def seconds_of(work: Callable[[], None]) -> float:
    before = time.monotonic()
    work()
    return time.monotonic() - before


def issue_over_rest(client: Client) -> None:
    assert client.post("/api/tickets/", BODY, content_type="application/json").status_code == 201
    connection.close()


@pytest.fixture
def proxy(elasticsearch: Elasticsearch, settings: Settings) -> Iterator[Proxy]:
    """Stands before an Elasticsearch with an index."""
    index = connect(TicketDocuments)
    index.indices.ensure()
    index.close()
    address = urlsplit(settings.ELASTICSEARCH_URL)
    with running_proxy((str(address.hostname), int(address.port or 0))) as proxy:
        settings.ELASTICSEARCH_URL = with_address(settings.ELASTICSEARCH_URL, proxy.address)
        yield proxy


def test_after_failures_elasticsearch_is_left_alone_until_a_search_succeeds_again(client: Client, proxy: Proxy) -> None:
    assert client.get(SEARCH).status_code == 200
    proxy.fault = cut
    answered = proxy.answers
    for _ in range(FAILURES + 2):
        refused = client.get(SEARCH)
        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert proxy.answers - answered == FAILURES
    assert (page := client.get("/")).status_code == 503
    assert page["Retry-After"] == "5"

    proxy.fault = pass_on

    wait_until(lambda: client.get(SEARCH).status_code == 200)
    assert proxy.answers - answered == FAILURES + 1


def test_more_searches_than_may_wait_are_refused_at_once(client: Client, settings: Settings) -> None:
    settings.READMODEL_MAX_WAITING = 1
    arrived, may_hang_up = Event(), Event()

    def hold() -> int:
        arrived.set()
        may_hang_up.wait()
        return 0

    with asking_server(hold) as server, ThreadPoolExecutor(1) as threads:
        settings.ELASTICSEARCH_URL = f"http://{server.address}"
        waiting = threads.submit(status_of_a_search, client)
        arrived.wait()
        refused = client.get(SEARCH)
        may_hang_up.set()

        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert waiting.result() == 503
        assert len(server.seen) == 1


def status_of_a_search(client: Client) -> int:
    try:
        return client.get(SEARCH).status_code
    finally:
        connection.close()
