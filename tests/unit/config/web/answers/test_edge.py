"""Test what every answer has, and what is refused before a view sees it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from config.web.answers.error_pages import MAX_URL_LENGTH
from config.web.answers.headers import with_headers
from config.web.server.protocols import http_alone
from config.web.server.static_files import with_static_files
from tests.unit.config.web.answers.failing import FAILURES

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.unit.config.web.answers.failing")]

POD = "10.42.0.17:8000"
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
NOTHING_INLINE = "default-src 'none'; script-src 'self'; style-src 'self'; "


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def is_protected(response: Any) -> bool:
    """Tell whether a response of any status has all that protects a browser, and stays in no cache."""
    headers = response.headers
    return (
        headers.items() >= HEADERS.items()
        and "camera=()" in headers["Permissions-Policy"]
        and headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        and "unsafe" not in headers["Content-Security-Policy"]
        and "no-store" in headers["Cache-Control"]
    )


REFUSED: list[tuple[str, int, Callable[[Client, str], Any]]] = [
    ("a host of another service", 400, lambda client, path: client.get(path, headers={"Host": "evil.example"})),
    ("a host that is none", 400, lambda client, path: client.get(path, headers={"Host": "a b"})),
    ("a method that nobody needs", 405, lambda client, path: client.generic("TRACE", path)),
    ("an unknown method", 405, lambda client, path: client.generic("BREW", path)),
    ("an address without end", 414, lambda client, path: client.get(f"{path}?{'a' * MAX_URL_LENGTH}")),
    ("an unknown address", 404, lambda client, path: client.get(f"{path}nowhere/")),
    *(
        (name, status, lambda client, path, name=name: client.get(f"{path}{name}"))
        for name, (_, status) in FAILURES.items()
    ),
]


@pytest.mark.parametrize("path", ["/api/", "/"])
@pytest.mark.parametrize(("status", "send"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_each_refusal_is_a_problem_below_api_and_a_page_elsewhere(
    client: Client, path: str, status: int, send: Callable[[Client, str], Any]
) -> None:
    response = send(client, path)

    assert response.status_code == status
    assert is_protected(response)
    if path == "/api/":
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == status
        assert response.json()["detail"]
    else:
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "readmodel/pages.css" in response.text
    assert ("Retry-After" in response.headers) is (status == 503)
    assert "secret" not in response.text


def test_a_form_without_a_token_is_refused_by_a_page_of_ours() -> None:
    response = Client(enforce_csrf_checks=True).post("/form/", {})

    assert response.status_code == 403
    assert "load the page again" in response.text
    assert is_protected(response)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_answered_whatever_the_host_is_and_without_tls(
    client: Client, settings: Settings, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = client.get(path, headers={"Host": POD})

    assert response.status_code == (401 if path == "/metrics" else 200)
    assert is_protected(response)


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 308), ("PUT", 308)])
def test_plain_http_is_redirected_with_the_same_method(
    client: Client, settings: Settings, method: str, status: int
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    plain = client.generic(method, "/api/ok?a=1")
    behind_tls = client.generic(method, "/api/ok?a=1", headers={"X-Forwarded-Proto": "https"})

    assert (plain.status_code, plain.headers["Location"]) == (status, "https://testserver/api/ok?a=1")
    assert behind_tls.status_code == 200


def test_answers_over_tls_keep_the_browser_there(client: Client, settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 60

    assert client.get("/api/ok", secure=True).headers["Strict-Transport-Security"].startswith("max-age=60")


def test_readiness_gives_reasons_only_to_those_who_may_see_them(client: Client) -> None:
    anonymous = client.get("/readyz").json()["degraded"]
    user = User.objects.create_user("ada")
    client.force_login(user)
    stranger = client.get("/readyz").json()["degraded"]
    user.user_permissions.add(Permission.objects.get(codename="view_metrics"))
    operator = client.get("/readyz").json()["degraded"]

    assert anonymous.keys() == stranger.keys() == operator.keys() == {"stream", "elasticsearch"}
    assert not any("127.0.0.1" in reason for reason in (*anonymous.values(), *stranger.values()))
    assert all("127.0.0.1" in reason for reason in operator.values())


def test_static_files_have_the_headers_too_and_may_be_kept(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "pages.css").write_text("body {}")
    settings.STATIC_ROOT = tmp_path

    async def ask() -> dict[str, str]:
        scope = {"type": "http", "method": "GET", "path": "/static/pages.css", "query_string": b"", "headers": []}
        communicator = ApplicationCommunicator(with_headers(with_static_files(nobody)), scope)
        start = await communicator.receive_output()
        while (await communicator.receive_output())["more_body"]:
            pass
        await communicator.wait()
        return {name.decode(): value.decode() for name, value in start["headers"]}

    headers = asyncio.run(ask())

    assert headers.items() >= {name.lower(): value for name, value in HEADERS.items()}.items()
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert headers["content-type"].startswith("text/css")
    assert "max-age=" in headers["cache-control"]


async def nobody(*_: Any) -> None:
    raise AssertionError("this is not for Django")


@pytest.mark.parametrize(
    ("kind", "messages"),
    [
        ("websocket", [("websocket.connect", "websocket.close")]),
        (
            "lifespan",
            [("lifespan.startup", "lifespan.startup.complete"), ("lifespan.shutdown", "lifespan.shutdown.complete")],
        ),
    ],
)
def test_what_is_not_http_is_answered_without_django(kind: str, messages: list[tuple[str, str]]) -> None:
    async def talk() -> None:
        communicator = ApplicationCommunicator(http_alone(nobody), {"type": kind})
        for sent, answered in messages:
            await communicator.send_input({"type": sent})
            assert await communicator.receive_output() == {"type": answered}
        await communicator.wait()

    asyncio.run(talk())
