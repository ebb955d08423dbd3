"""Test signatures, secrets, and the addresses to which webhooks are sent."""

import re
import shlex
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from httpx import create_ssl_context

from events.exceptions import PartlyHandled, RetryLater
from tests.network.gate import SECRET, Gate, canceled, opened_gate
from tests.receivers import receiver_of_settings
from tests.ticket_events import ticket_id
from tickets.access import AccessSystem
from tickets.webhooks.addresses import is_public
from tickets.webhooks.signing import MAKE_ONE, new_secret, signers

HOW_TO = Path(__file__).parents[4] / "docs/how-to/webhooks.md"


@pytest.fixture
def gate(settings: Any) -> Iterator[Gate]:
    settings.ACCESS_SYSTEM_SECRETS = [SECRET]
    with opened_gate() as gate:
        yield gate


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Resolve names to the given addresses, one list for each call; return the names that were resolved."""
    original = socket.getaddrinfo
    asked: list[str] = []

    def use(*answers: list[str]) -> list[str]:
        left = list(answers)

        def getaddrinfo(host: str, port: int, *arguments: Any, **keywords: Any) -> Any:
            asked.append(host)
            return [found for address in left.pop(0) for found in original(address, port, *arguments, **keywords)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return use


def tell() -> Exception | None:
    """Send one cancellation with the current settings; return the failure, if any."""
    with receiver_of_settings() as receiver:
        try:
            receiver.handle([canceled(1)])
        except PartlyHandled as error:
            (failure,) = error.failures.values()
            return failure
    return None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 (nothing is bound to it)
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fd00::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:93.184.215.14",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
    ],
)
def test_addresses_outside_the_internet_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_a_name_of_this_machine_is_not_called_and_nothing_is_parked(gate: Gate, settings: Any) -> None:
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", "localhost")

    failure = tell()

    assert isinstance(failure, RetryLater)
    assert "localhost has no public address" in str(failure)
    assert "ACCESS_SYSTEM_ALLOW_PRIVATE=true" in str(failure)
    assert gate.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1"])
def test_another_spelling_of_a_private_address_is_not_called(gate: Gate, settings: Any, host: str) -> None:
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", host)

    assert isinstance(tell(), RetryLater)
    assert gate.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_a_private_address_is_refused_at_the_start(settings: Any, host: str) -> None:
    settings.ACCESS_SYSTEM_URL = f"http://{host}:8080/"
    settings.ACCESS_SYSTEM_SECRETS = [SECRET]

    with pytest.raises(
        ImproperlyConfigured, match="which is not a public address; set ACCESS_SYSTEM_ALLOW_PRIVATE=true to allow"
    ):
        AccessSystem().open()


def test_a_private_address_that_is_allowed_is_called(gate: Gate, settings: Any) -> None:
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", "localhost")
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True

    assert tell() is None
    assert gate.calls[0].headers["host"] == f"localhost:{gate.server_port}"


def test_a_name_is_resolved_once_and_the_checked_address_is_called(
    gate: Gate, settings: Any, resolver: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second resolution would return this machine's address."""
    monkeypatch.setattr("tickets.webhooks.target.CONNECT_SECONDS", 0.2)
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", "gate.example")
    asked = resolver(["192.0.0.9"], ["127.0.0.1"])  # A public address that no machine has.

    failure = tell()

    assert isinstance(failure, RetryLater)
    assert "no public address" not in str(failure)
    assert asked == ["gate.example"]
    assert gate.connections == 0


def test_the_next_address_is_called_if_one_refuses(
    gate: Gate, settings: Any, resolver: Callable[..., list[str]]
) -> None:
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", "gate.example")
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    resolver(["::1", "127.0.0.1"])

    assert tell() is None


def test_the_next_address_is_called_if_one_does_not_answer(
    gate: Gate, settings: Any, resolver: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.webhooks.target.CONNECT_SECONDS", 0.2)
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", "gate.example")
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    resolver(["127.0.0.2", "127.0.0.1"])

    with socket.create_server(("127.0.0.2", gate.server_port), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)  # noqa: FBT003
            caller.connect_ex(full.getsockname())

        assert tell() is None


def test_a_name_without_an_address_is_retried(settings: Any) -> None:
    settings.ACCESS_SYSTEM_URL = f"http://{'a' * 64}.example/"
    settings.ACCESS_SYSTEM_SECRETS = [SECRET]

    failure = tell()

    assert isinstance(failure, RetryLater)
    assert "has no address" in str(failure)


@pytest.mark.parametrize(("certified", "is_told"), [("gate.example", True), ("other.example", False)])
def test_tls_verifies_the_name_although_the_connection_uses_the_address(
    gate: Gate,
    settings: Any,
    resolver: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    certified: str,
    is_told: bool,  # noqa: FBT001
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(context)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    gate.socket = context.wrap_socket(gate.socket, server_side=True)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setattr("tickets.webhooks.background.trusted_certificates", create_ssl_context)
    settings.ACCESS_SYSTEM_URL = f"https://gate.example:{gate.server_port}/"
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    resolver(["127.0.0.1"])

    failure = tell()

    assert names == ["gate.example"]
    assert (failure is None) == is_told
    assert len(gate.calls) == is_told
    assert is_told or "CERTIFICATE_VERIFY_FAILED" in str(failure)


def test_the_command_in_the_error_message_makes_a_valid_secret() -> None:
    printed = subprocess.run(shlex.split(MAKE_ONE), capture_output=True, text=True, check=True).stdout.strip()

    assert printed.startswith("whsec_")
    assert len(signers([printed, f" {new_secret()} "])) == 2


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "c29tZXRoaW5n", "whsec_c2hvcnQ=", "whsec_not!base64", "whsec_" + "QUJD" * 22]
)
def test_a_malformed_secret_is_refused_and_never_shown(secret: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ACCESS_SYSTEM_SECRETS: secret 2 of 2 is not whsec_") as refusal:
        signers([new_secret(), secret])

    assert secret in {"", "whsec_"} or secret not in str(refusal.value)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "secrets", "ids"),
    [
        ("", [], []),
        ("https://gate.example/", [SECRET], []),
        ("https://gate.example/", [], ["tickets.E002"]),
        ("", ["whsec_short"], ["tickets.E002"]),
        ("gate.example", [SECRET], ["tickets.E001"]),
        ("http://127.0.0.1/", [SECRET], ["tickets.E001"]),
    ],
)
def test_the_checks_report_invalid_settings(settings: Any, url: str, secrets: list[str], ids: list[str]) -> None:
    settings.ACCESS_SYSTEM_URL, settings.ACCESS_SYSTEM_SECRETS = url, secrets

    assert [message.id for message in run_checks() if str(message.id).startswith("tickets.")] == ids


def test_the_receiver_in_the_how_to_accepts_the_messages(
    gate: Gate, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    page = HOW_TO.read_text()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)  # noqa: S102 (our own documentation)
    settings.ACCESS_SYSTEM_URL, settings.ACCESS_SYSTEM_ALLOW_PRIVATE = gate.url, True
    tell()
    [call] = gate.calls

    assert MAKE_ONE in page
    assert [names["receive"](call.body, call.headers, secret) for secret in (SECRET, SECRET, new_secret())] == [
        204,
        204,
        401,
    ]
    assert capsys.readouterr().out == f"{ticket_id(1)} is void\n"
