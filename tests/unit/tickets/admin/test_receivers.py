"""An operator adds receivers of webhooks in the admin and by the command, tries them, and rotates their secrets."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.network.gate import Gate, opened_gate, status
from tests.unit.tickets.admin.test_tickets import client_with
from tickets.access import control
from tickets.models import Delivery, Receiver

pytestmark = pytest.mark.django_db

LIST = "/admin/tickets/receiver/"


@pytest.fixture
def gate(settings: Any) -> Iterator[Gate]:
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    with opened_gate() as gate:
        # The test message has no ticket.
        gate.answer = status(204)
        yield gate


@pytest.fixture
def operator() -> Client:
    return client_with("view_receiver", "add_receiver", "change_receiver", "delete_receiver")


@pytest.fixture
def receiver(gate: Gate) -> Receiver:
    return control.add("north", gate.url, ["ticket.canceled"]).receiver


def test_an_added_receiver_shows_its_secret_once(operator: Client, gate: Gate) -> None:
    typed = {"name": "north", "url": gate.url, "types": ["ticket.canceled", "ticket.issued"]}
    page = operator.post(f"{LIST}add/", typed)

    receiver = Receiver.objects.get()
    [secret] = receiver.secrets
    assert (receiver.name, receiver.url, receiver.types) == ("north", gate.url, ["ticket.canceled", "ticket.issued"])
    assert secret in page.content.decode()
    for address in (LIST, f"{LIST}{receiver.pk}/change/", f"{LIST}{receiver.pk}/history/"):
        shown = operator.get(address)
        assert shown.status_code == 200
        assert secret not in shown.content.decode()
        assert receiver.sealed_secret not in shown.content.decode()


def test_the_security_log_has_each_change_with_who_made_it(
    operator: Client, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()

    page = f"{LIST}{receiver.pk}/"
    operator.post(f"{page}change/", {"name": "south", "url": receiver.url, "types": ["ticket.issued"]})
    for act in ("disable", "enable", "rotate"):
        operator.post(f"{page}{act}/")
    operator.post(f"{page}replay/", {"since": "2020-01-01T00:00Z"})
    call_command("webhooks", "remove", "south")

    said = [record.getMessage() for record in caplog.records if record.name == "security"]
    by, of = 'by="clerk" address="127.0.0.1" ', f'of="south" origin="{receiver.origin}"'
    assert said == [
        f"receiver_changed {by}{of}",
        f"receiver_turned_off {by}{of}",
        f"receiver_turned_on {by}{of}",
        f"receiver_secret_changed {by}{of}",
        f"receiver_asked_to_replay {by}{of}",
        f"receiver_removed {of}",
    ]


def test_a_receiver_whose_name_is_a_number_is_meant_by_its_name(receiver: Receiver, gate: Gate) -> None:
    other = control.add(str(receiver.pk), gate.url, ["ticket.canceled"]).receiver

    call_command("webhooks", "remove", other.name)

    assert list(Receiver.objects.all()) == [receiver]


def test_the_address_of_the_list_guesses_at_no_secret(operator: Client, receiver: Receiver) -> None:
    guessed = operator.get(LIST, {"sealed_secret__startswith": receiver.sealed_secret[:3]})

    assert guessed.status_code == 400


@pytest.mark.parametrize("arguments", [("rotate", "{name}"), ("add", "other", "{url}")])
def test_a_secret_that_can_not_be_written_is_not_made(receiver: Receiver, arguments: tuple[str, ...]) -> None:
    filled = [argument.format(name=receiver.name, url=receiver.url) for argument in arguments]

    full = Path("/dev/full").open("w")  # noqa: SIM115 (closing it fails too)
    with pytest.raises(OSError, match="No space left"):
        call_command("webhooks", *filled, stdout=full)
    with suppress(OSError):
        full.close()

    assert Receiver.objects.get().sealed_secret == receiver.sealed_secret


def test_a_private_address_is_refused_in_the_form(operator: Client, settings: Any) -> None:
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = False

    page = operator.post(f"{LIST}add/", {"name": "north", "url": "http://127.0.0.1/", "types": ["ticket.canceled"]})

    assert "which is not a public address" in page.content.decode()
    assert not Receiver.objects.exists()


def test_one_receiver_too_many_is_refused_in_the_form(
    operator: Client, receiver: Receiver, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.access.control.MOST_RECEIVERS", 1)

    page = operator.post(f"{LIST}add/", {"name": "south", "url": gate.url, "types": ["ticket.canceled"]})

    assert "there may be 1 receivers" in page.content.decode()
    assert list(Receiver.objects.all()) == [receiver]


def test_a_form_that_is_sent_twice_at_once_is_refused_the_second_time(
    operator: Client, receiver: Receiver, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.access.control.checked_name", lambda name, **_: name)
    monkeypatch.setattr(Receiver, "validate_unique", lambda *_, **__: None)

    typed = {"name": receiver.name, "url": gate.url, "types": ["ticket.canceled"]}
    page = operator.post(f"{LIST}add/", typed, follow=True)

    assert "There is a receiver of this name." in page.content.decode()
    assert list(Receiver.objects.all()) == [receiver]


def test_a_receiver_is_changed_turned_off_and_on_and_removed(operator: Client, receiver: Receiver, gate: Gate) -> None:
    address = f"{LIST}{receiver.pk}/"
    operator.post(f"{address}change/", {"name": "south", "url": f"{gate.url}/2", "types": ["ticket.issued"]})
    changed = Receiver.objects.get()
    assert (changed.name, changed.url, changed.types) == ("south", f"{gate.url}/2", ["ticket.issued"])
    assert changed.secrets == receiver.secrets

    operator.post(f"{address}disable/")
    assert Receiver.objects.get().why_off == "person"
    operator.post(f"{address}enable/")
    assert Receiver.objects.get().is_on
    operator.post(f"{address}delete/", {"post": "yes"})
    assert not Receiver.objects.exists()


def test_a_test_message_is_sent_and_written_down(operator: Client, receiver: Receiver, gate: Gate) -> None:
    page = operator.post(f"{LIST}{receiver.pk}/test/", follow=True)

    assert "It took the test message: status 204" in page.content.decode()
    [call] = gate.tests
    assert call.message["type"] == "test"
    assert call.is_signed_with(receiver.secrets[0])
    assert Delivery.objects.get().outcome == "taken"


def test_a_rotated_secret_is_shown_once(operator: Client, receiver: Receiver) -> None:
    page = operator.post(f"{LIST}{receiver.pk}/rotate/").content.decode()

    new, old = Receiver.objects.get().secrets
    assert [old] == receiver.secrets
    assert new in page
    assert old not in page


@pytest.mark.parametrize("act", ["test", "enable", "disable", "rotate", "replay"])
def test_who_may_only_look_changes_nothing(receiver: Receiver, act: str) -> None:
    client = client_with("view_receiver")

    assert client.post(f"{LIST}{receiver.pk}/{act}/").status_code == 403
    assert client.get(f"{LIST}{receiver.pk}/{act}/").status_code in {403, 405}
    assert client.get(f"{LIST}{receiver.pk}/change/").status_code == 200


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    call_command("webhooks", *arguments, "--json")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_does_the_same(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    [made] = run(capsys, "add", "north", gate.url, "--types", "ticket.issued")
    assert Receiver.objects.get().secrets == [made["secret"]]
    [answer] = run(capsys, "test", "north")
    assert (answer["is_taken"], answer["status"]) == (True, 204)
    [rotated] = run(capsys, "rotate", str(made["id"]), "--keep-hours", "1")
    assert Receiver.objects.get().secrets == [rotated["secret"], made["secret"]]
    run(capsys, "disable", "north")
    [shown] = run(capsys, "list")
    assert (shown["name"], shown["is_on"], shown["why_off"], shown["lag"]) == ("north", False, "person", 0)
    assert "secret" not in str(shown)
    run(capsys, "enable", "north")
    assert [found["type"] for found in run(capsys, "deliveries", "north")] == ["test"]
    run(capsys, "remove", "north")
    assert not Receiver.objects.exists()


def test_the_command_says_what_is_wrong(gate: Gate, receiver: Receiver) -> None:
    gate.answer = status(404)

    with pytest.raises(CommandError, match="the test message was not taken: 127.0.0.1 answered 404"):
        call_command("webhooks", "test", receiver.name)
    with pytest.raises(CommandError, match="there is no receiver 'south'"):
        call_command("webhooks", "enable", "south")
    with pytest.raises(CommandError, match="there is no receiver '9999"):
        call_command("webhooks", "enable", "9" * 5000)
    with pytest.raises(CommandError, match="A former secret signs for at most 8760 hours"):
        call_command("webhooks", "rotate", receiver.name, "--keep-hours", "9" * 18)
    with pytest.raises(CommandError, match="There is a receiver of this name"):
        call_command("webhooks", "add", receiver.name, gate.url)
