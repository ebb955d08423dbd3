"""The access system that `up` brings."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest

from config import receiver


@pytest.fixture
def access_system() -> Iterator[httpx.Client]:
    receiver.messages.clear()
    with receiver.ThreadingHTTPServer(("127.0.0.1", 0), receiver.Receiver) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
            yield client
        server.shutdown()


def test_it_shows_what_it_was_told_the_newest_first(access_system: httpx.Client) -> None:
    answers = [access_system.post("/", json={"ticketId": name, "version": 2}) for name in ("first", "<second>")]

    assert [answer.status_code for answer in answers] == [202, 202]
    messages = access_system.get("/log").json()["messages"]
    assert messages == [{"ticketId": "first", "version": 2}, {"ticketId": "<second>", "version": 2}]
    page = access_system.get("/").text
    assert page.index("<td>&lt;second&gt;</td>") < page.index("<td>first</td>")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_what_is_no_json_object_is_refused(access_system: httpx.Client, body: bytes) -> None:
    answer = access_system.post("/", content=body)

    assert answer.status_code == 400
    assert access_system.get("/log").json() == {"messages": []}


def test_a_huge_message_is_refused_unread(access_system: httpx.Client) -> None:
    # The body is announced and never sent: who waited for it would not answer.
    with closing(HTTPConnection(access_system.base_url.host, access_system.base_url.port or 0, timeout=10)) as client:
        client.putrequest("POST", "/")
        client.putheader("Content-Length", str(receiver.LARGEST_BODY + 1))
        client.endheaders()

        assert client.getresponse().status == 413
    assert access_system.get("/log").json() == {"messages": []}
