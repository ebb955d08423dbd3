"""Test who is believed about a client's address and scheme."""

from ipaddress import ip_address

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import Settings

from config.checks import check_trusted_proxies
from config.web.requests.addresses import ForwardedMiddleware, client_address

PROXY, INNER, STRANGER, CLIENT = "10.0.0.5", "10.1.2.3", "192.0.2.66", "203.0.113.7"


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [PROXY, "10.1.0.0/16", "2001:db8::/32"]


def received(peer: str, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers)
    ForwardedMiddleware(lambda request: request).process_request(request)
    return request


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{STRANGER}, {CLIENT}", CLIENT),
        (PROXY, f"{STRANGER}, {CLIENT}, {INNER}", CLIENT),
        (PROXY, f"{INNER}, {PROXY}", INNER),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, <b>", PROXY),
        (PROXY, f"{CLIENT}:1234", CLIENT),
        (PROXY, "[2001:4860::1]:1234", "2001:4860::1"),
        (PROXY, "fe80::1%any text", PROXY),
        (f"::ffff:{PROXY}", CLIENT, CLIENT),
        ("2001:db8::5", "::ffff:203.0.113.7", CLIENT),
        (STRANGER, CLIENT, STRANGER),
        (STRANGER, PROXY, STRANGER),
        ("", CLIENT, ""),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_s(peer: str, forwarded_for: str, client: str) -> None:
    request = received(peer, **{"X-Forwarded-For": forwarded_for})

    assert client_address(request) == client
    assert "X-Forwarded-For" not in request.headers


@pytest.mark.parametrize(
    ("peer", "forwarded_proto", "is_secure"),
    [
        (PROXY, "https", True),
        (PROXY, "HTTPS ", True),
        (PROXY, "http, https", True),
        (PROXY, "https, http", False),
        (PROXY, "http", False),
        (PROXY, "wss", False),
        (PROXY, "", False),
        (STRANGER, "https", False),
        ("", "https", False),
    ],
)
def test_the_scheme_is_the_one_that_a_trusted_proxy_has_written(
    peer: str, forwarded_proto: str, *, is_secure: bool
) -> None:
    request = received(peer, **{"X-Forwarded-Proto": forwarded_proto})

    assert request.is_secure() is is_secure
    assert request.build_absolute_uri("/").startswith("https://" if is_secure else "http://")


def test_the_first_header_that_is_ignored_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    middleware = ForwardedMiddleware(lambda request: request)

    for _ in range(2):
        middleware(RequestFactory().get("/", REMOTE_ADDR=STRANGER, headers={"X-Forwarded-Proto": "https"}))

    assert [record.args for record in caplog.records] == [(ip_address(STRANGER),)]


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.1/8", "*", "0.0.0.0/0", "::/0"])
def test_a_wrong_proxy_is_one_sentence_at_start_up(settings: Settings, wrong: str) -> None:
    settings.TRUSTED_PROXIES = [PROXY, wrong]

    [error] = check_trusted_proxies()

    assert error.msg.startswith("TRUSTED_PROXIES: ")
    assert wrong in error.msg
