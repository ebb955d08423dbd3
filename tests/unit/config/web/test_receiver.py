"""Test the receiver that `up` starts as an access system."""

import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from config.web import receiver
from tests.network.in_thread import in_thread
from tickets.webhooks.signing import new_secret, signers

OLD, NEW = signers([new_secret(), new_secret()])
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP; reading the certificates takes longer than a test."""


@pytest.fixture
def access_system() -> Iterator[httpx.Client]:
    with (
        in_thread(receiver.AccessReceiver(0, [OLD, NEW])) as server,
        httpx.Client(
            base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False, verify=TRUSTS_NOBODY
        ) as client,
    ):
        yield client


def post(client: httpx.Client, body: bytes, *, by: Webhook = NEW, age: timedelta = timedelta(0)) -> httpx.Response:
    time = datetime.now(UTC) - age
    try:
        signature = by.sign("1", time, body.decode())
    except UnicodeDecodeError:
        signature = "v1,c29tZXRoaW5n"
    headers = {"webhook-id": "1", "webhook-timestamp": str(int(time.timestamp())), "webhook-signature": signature}
    return client.post("/", content=body, headers=headers)


def body_about(ticket: str) -> bytes:
    data: dict[str, Any] = {"ticketId": ticket, "version": 2}
    return json.dumps({"type": "ticket.canceled", "timestamp": "2027-05-01T20:00:00+00:00", "data": data}).encode()


def told(client: httpx.Client) -> Any:
    return client.get("/log").json()["messages"]


def test_messages_are_shown_newest_first(access_system: httpx.Client) -> None:
    answers = [post(access_system, body_about(name)) for name in ("first", "<second>")]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert told(access_system) == [
        {"type": "ticket.canceled", "ticketId": "first", "version": 2},
        {"type": "ticket.canceled", "ticketId": "<second>", "version": 2},
    ]
    page = access_system.get("/").text
    assert page.index("<td>&lt;second&gt;</td>") < page.index("<td>first</td>")
    assert page.count("✓ verified") == 2
    assert "refused; the last one" not in page


def test_a_test_message_is_taken_and_not_shown(access_system: httpx.Client) -> None:
    assert (
        post(access_system, b'{"type": "test", "timestamp": "2027-05-01T20:00:00+00:00", "data": {}}').status_code
        == 202
    )
    assert told(access_system) == []


def test_each_secret_is_accepted(access_system: httpx.Client) -> None:
    assert [post(access_system, body_about("1"), by=signer).status_code for signer in (OLD, NEW)] == [202, 202]


def test_a_message_signed_with_another_secret_is_refused_and_shown(access_system: httpx.Client) -> None:
    [stranger] = signers([new_secret()])

    answer = post(access_system, body_about("1"), by=stranger)

    assert answer.status_code == 401
    assert told(access_system) == []
    assert "✗ 1 refused; the last one because: No matching signature found" in access_system.get("/").text


@pytest.mark.parametrize(
    ("age", "reason"), [(timedelta(minutes=6), "too old"), (timedelta(minutes=-6), "too new")], ids=["old", "new"]
)
def test_a_timestamp_too_far_from_now_is_refused(access_system: httpx.Client, age: timedelta, reason: str) -> None:
    answer = post(access_system, body_about("1"), age=age)

    assert (answer.status_code, reason in answer.text) == (401, True)
    assert told(access_system) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "1", "webhook-timestamp": "now", "webhook-signature": "v1,"},
        {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1"},
    ],
)
def test_a_message_without_a_signature_is_refused(access_system: httpx.Client, headers: dict[str, str]) -> None:
    assert access_system.post("/", content=body_about("1"), headers=headers).status_code == 401
    assert told(access_system) == []


def test_a_malformed_signature_is_refused(access_system: httpx.Client) -> None:
    time = str(int(datetime.now(UTC).timestamp()))
    headers = {"webhook-id": "1", "webhook-timestamp": time, "webhook-signature": "v1 v1,,"}

    assert access_system.post("/", content=body_about("1"), headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b'{"data": 1}', 400), (b"\xff", 401), (b"", 400)]
)
def test_a_malformed_message_is_refused(access_system: httpx.Client, body: bytes, status: int) -> None:
    assert post(access_system, body).status_code == status
    assert told(access_system) == []


def test_a_huge_message_is_refused_unread(access_system: httpx.Client) -> None:
    # The body is announced but never sent, so a server that reads it would not answer.
    with closing(HTTPConnection(access_system.base_url.host, access_system.base_url.port or 0, timeout=60)) as client:
        client.putrequest("POST", "/")
        client.putheader("Content-Length", str(receiver.LARGEST_BODY + 1))
        client.endheaders()

        assert client.getresponse().status == 413
    assert told(access_system) == []
