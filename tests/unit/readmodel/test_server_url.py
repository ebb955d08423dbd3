"""ELASTICSEARCH_URL has all that the client needs to connect, is refused by the client's rules, and shows no secret."""

import base64
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from elasticsearch import Elasticsearch

from readmodel.index.client import open_client
from readmodel.server_url import ServerURL


def nodes(client: Elasticsearch) -> list[str]:
    return sorted(node.base_url for node in client.transport.node_pool.all())


def authorization(url: str) -> str:
    return str(open_client(url)._headers["authorization"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://one:9200", ["http://one:9200"]),
        ("https://one", ["https://one:443"]),
        ("HTTPS://One:9243", ["https://one:9243"]),
        ("http://[::1]:9200/es/", ["http://[::1]:9200/es"]),
        ("https://one:9200,two:9201,[::1]", ["https://[::1]:443", "https://one:9200", "https://two:9201"]),
        ("https://u:p@one:9200,two:9200/a/prefix", ["https://one:9200/a/prefix", "https://two:9200/a/prefix"]),
    ],
)
def test_the_client_has_each_node(url: str, expected: list[str]) -> None:
    assert nodes(open_client(url)) == expected


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://user:p%40s%3As@one", f"Basic {base64.b64encode(b'user:p@s:s').decode()}"),
        ("https://j%C3%B6rg:%C3%9F@one", f"Basic {base64.b64encode('jörg:ß'.encode()).decode()}"),
        ("https://one?api_key=bGs6Kys/Lw==", "ApiKey bGs6Kys/Lw=="),
        ("https://one?api_key=the-id:the+key", f"ApiKey {base64.b64encode(b'the-id:the+key').decode()}"),
        ("https://one,two?bearer_auth=abc", "Bearer abc"),
    ],
)
def test_the_client_authenticates(url: str, header: str) -> None:
    assert authorization(url) == header


def test_options_reach_every_node() -> None:
    url = (
        "https://one,two?verify_certs=false&ssl_show_warn=false&http_compress=true&connections_per_node=3"
        "&ssl_assert_hostname=search.example"
    )

    configs = [node.config for node in open_client(url).transport.node_pool.all()]

    assert [
        (config.verify_certs, config.http_compress, config.connections_per_node, config.ssl_assert_hostname)
        for config in configs
    ] == [(False, True, 3, "search.example")] * 2


REFUSED = {
    "": "percent-encode",
    "localhost:9200": "percent-encode",
    "http://": "percent-encode",
    "http://host": "host has no port, such as :9200",
    "http://one:9200,two": "two has no port",
    "http://one:9200,,two:9200": "leave no host empty",
    "http://host:0": "host:0 is not a host",
    "http://host:65536": "host:65536 is not a host",
    "ftp://host:9200": "the scheme is 'ftp'",
    "https://one:9200,https://two:9200": "write scheme, user and password once, before the first host",
    "https://user:secret@one:9200,user:secret@two:9200": "write scheme, user and password once, before the first host",
    "https://host?ca_cert=/x": "'ca_cert' is not an option",
    "https://host?request_timeout=1": "'request_timeout' is not an option",
    "http://host:9200?ca_certs=/x": "ca_certs needs https",
    "http://host:9200?verify_certs=false": "verify_certs needs https",
    "https://host?verify_certs=maybe": "verify_certs does not fit",
    "https://host?connections_per_node=0": "connections_per_node does not fit",
    "https://host?connections_per_node=1e1": "connections_per_node does not fit: '1e1' is not a whole number",
    "https://host?connections_per_node=99999999999": "connections_per_node does not fit",
    "https://host?verify_certs=true&verify_certs=false": "given twice",
    "https://host?api_key=": "api_key does not fit",
    "https://host?client_key=/x": "client_key needs client_cert",
    "https://host?ssl_assert_fingerprint=abc": "hexadecimal",
    f"https://host?ssl_assert_hostname=a&ssl_assert_fingerprint={'a' * 64}": "exclude one another",
    "https://:p@host": "must have a name",
}


@pytest.mark.parametrize("url", REFUSED)
def test_what_the_client_can_not_connect_to_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        ServerURL.parse(url)

    assert REFUSED[url] in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://u:hunter2@host?api_key=x",
        "https://u:x@host?bearer_auth=hunter2",
        "https://host?api_key=hunter2&bearer_auth=x",
        "https://u:hun@ter2@host",
        "https://u:12?hunter2@host:9200",
        "https://host:9200?apikey=hunter2",
        "https://host:9200?api_key=hunter2%20",
        "ftp://u:hunter2@host:9200",
        "https://hunter2@host?unknown=1",
        "https://u:hunter2@host:0",
    ],
)
def test_no_message_shows_a_secret(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        ServerURL.parse(url)

    assert "hunter2" not in str(raised.value)
    assert "ter2" not in str(raised.value)


def test_an_address_is_shown_without_its_secrets() -> None:
    url = ServerURL.parse("https://u:hunter2@one:9200,two/prefix?ssl_show_warn=true")

    assert str(url) == "https://u:***@one:9200,two/prefix?ssl_show_warn=true"
    assert "hunter2" not in repr(url)
    assert str(ServerURL.parse("https://one?api_key=hunter2")) == "https://one?api_key=***"


@pytest.mark.parametrize("option", ["ca_certs", "client_cert"])
def test_certificates_that_can_not_be_loaded_are_refused(option: str, tmp_path: Any) -> None:
    missing, wrong = tmp_path / "missing.pem", tmp_path / "wrong.pem"
    wrong.write_text("no certificate")

    for path in (missing, wrong):
        with pytest.raises(ImproperlyConfigured, match=f"{option}.* can't be loaded"):
            open_client(f"https://host?{option}={path}")
