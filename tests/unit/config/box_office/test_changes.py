"""A ticket is changed on pages of its own: with the rights of the person, and only as the person has seen it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from events.consistency_token import read_token
from events.models import LogEntry
from tests.permitted import permit
from tests.tickets import issue, recorded, rows
from tickets.events import TicketCanceled
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]
HOLDER = {"holder_name": "José Núñez", "holder_email": "jose@example.org", "seat": "Row 3, Seat 14"}
CANCEL = {**HOLDER, "reason": "Sold", "version": "1"}
PERMISSIONS = {
    "check-in": "check_in_ticket",
    "undo-check-in": "undo_check_in_ticket",
    "correct": "change_ticket",
    "cancel": "cancel_ticket",
    "void": "cancel_ticket",
    "reinstate": "reinstate_ticket",
}


def clerk(*permissions: str, name: str = "ada") -> Client:
    user = User.objects.create_user(name)
    permit(user, "view_ticket", *permissions)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client() -> Client:
    return clerk(*PERMISSIONS.values())


def send(client: Client, ticket: Ticket, action: str, **values: Any) -> Any:
    return client.post(f"/tickets/{ticket.id}/{action}/?search=q%3Dphil", {"version": str(ticket.version), **values})


def test_a_ticket_goes_through_all_of_its_changes(client: Client) -> None:
    ticket = issue()
    steps: list[tuple[str, dict[str, str], str]] = [
        ("correct", {**HOLDER, "holder_name": "Grace Hopper"}, "issued"),
        ("check-in", {}, "checked_in"),
        ("undo-check-in", {"reason": "Left again"}, "issued"),
        ("cancel", {**HOLDER, "holder_name": "Grace Hopper"}, "canceled"),
        ("reinstate", {}, "issued"),
    ]
    for version, (action, values, status) in enumerate(steps, start=2):
        assert client.get(f"/tickets/{ticket.id}/{action}/").status_code == 200
        answer = send(client, ticket, action, **values)
        ticket = Ticket.objects.get(id=ticket.id)
        assert (action, answer.status_code, ticket.status, ticket.version) == (action, 302, status, version)
        page = urlsplit(answer["Location"])
        query = parse_qs(page.query)
        assert (page.path, query["search"]) == (f"/tickets/{ticket.id}/", ["q=phil"])
        [newest] = read_token(query["written"][0]).events
        assert (newest.subject, newest.version) == (str(ticket.id), version)
    assert ticket.holder_name == "Grace Hopper"
    assert set(LogEntry.objects.exclude(type="ticket.issued").values_list("actor", flat=True)) == {"ada"}


def test_a_replacement_gets_the_corrected_holder_and_seat(client: Client) -> None:
    ticket = issue()
    send(client, ticket, "cancel", **CANCEL | {"holder_name": "Grace Hopper", "seat": ""})

    replacement = Ticket.objects.get(replaces=ticket)
    assert (replacement.holder_name, replacement.seat, replacement.holder_email) == (
        "Grace Hopper",
        "",
        "jose@example.org",
    )
    assert Ticket.objects.get(id=ticket.id).holder_name == "José Núñez"


def test_a_ticket_is_canceled_without_a_replacement(client: Client) -> None:
    ticket = issue()
    send(client, ticket, "void", reason="Sold")

    [*_, canceled] = recorded()
    assert isinstance(canceled, TicketCanceled)
    assert (canceled.reason, canceled.new_ticket_id, Ticket.objects.count()) == ("Sold", None, 1)


@pytest.mark.parametrize("action", PERMISSIONS)
def test_an_action_needs_its_own_permission(action: str) -> None:
    ticket, before = issue(), rows()
    others = clerk(*(name for name in PERMISSIONS.values() if name != PERMISSIONS[action]))

    for method in (others.get, others.post):
        answer = method(f"/tickets/{ticket.id}/{action}/", CANCEL)
        assert (answer.status_code, PERMISSIONS[action] in answer.text) == (403, True)
    assert Client().post(f"/tickets/{ticket.id}/{action}/")["Location"].startswith("/log-in/")
    assert Client().post(f"/tickets/{ticket.id}/{action}/", CANCEL).status_code == 403
    assert Client(enforce_csrf_checks=True).post(f"/tickets/{ticket.id}/{action}/", CANCEL).status_code == 403
    assert rows() == before


def test_who_was_slower_sees_what_has_changed_and_keeps_what_was_typed(client: Client) -> None:
    ticket = issue()
    bob = clerk("change_ticket", "check_in_ticket", name="bob")
    send(bob, ticket, "correct", **HOLDER | {"seat": "A1"})
    before = rows()

    answer = send(client, ticket, "cancel", **CANCEL | {"holder_name": "Grace & Co"})

    assert answer.status_code == 409
    assert rows() == before
    shown = answer.text
    assert all(text in shown for text in ("Somebody else was faster", "corrected by <bdi>bob</bdi>", "Sold"))
    assert 'value="Grace &amp; Co"' in shown
    assert 'name="version" value="2"' in shown
    assert send(client, Ticket.objects.get(), "cancel", **CANCEL | {"version": "2"}).status_code == 302


def test_who_was_slower_is_told_that_it_is_no_longer_possible(client: Client) -> None:
    ticket = issue()
    send(clerk("check_in_ticket", name="bob"), ticket, "check-in")

    answer = send(client, ticket, "cancel", **CANCEL)

    assert answer.status_code == 409
    assert "by <bdi>bob</bdi>" in answer.text
    assert "This is not possible now" in answer.text
    assert "<button>Cancel and replace</button>" not in answer.text


@pytest.mark.parametrize(
    ("fields", "action", "values", "doubt"),
    [
        (
            {"starts_at": datetime(2020, 5, 1, 20, tzinfo=UTC)},
            "check-in",
            {},
            "The show has begun already, or is over.",
        ),
        ({}, "correct", {**HOLDER, "seat": "b2"}, "Seat b2 is sold for this show already, with ticket OTHER-1."),
        ({}, "cancel", {**CANCEL, "seat": "B2"}, "Seat B2 is sold for this show already, with ticket OTHER-1."),
    ],
)
def test_what_is_seldom_meant_is_done_only_when_confirmed(
    client: Client, fields: dict[str, Any], action: str, values: dict[str, str], doubt: str
) -> None:
    ticket = issue(**fields)
    issue(code="OTHER-1", seat="B2")
    before = rows()

    asked = send(client, ticket, action, **values)
    assert (asked.status_code, doubt in asked.text, rows() == before) == (400, True, True)

    assert send(client, ticket, action, **values, confirmed="on").status_code == 302
    assert Ticket.objects.get(id=ticket.id).version == 2


def test_the_seat_of_a_canceled_ticket_and_who_comes_late_raise_no_doubt(client: Client) -> None:
    ticket, late = issue(), issue(starts_at=timezone.now() - timedelta(hours=2))
    issue(seat="B2").void()

    assert send(client, ticket, "correct", **HOLDER | {"seat": "B2"}).status_code == 302
    assert send(client, late, "check-in").status_code == 302


@pytest.mark.parametrize(
    ("action", "values", "text"),
    [
        ("correct", {**HOLDER, "holder_email": "nobody"}, "Enter a valid email address."),
        ("correct", {**HOLDER, "holder_name": "\u202e"}, "would change how it is shown"),
        ("cancel", {**CANCEL, "reason": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_the_ticket_refuses_is_said_in_the_form(
    client: Client, action: str, values: dict[str, str], text: str
) -> None:
    ticket, before = issue(), rows()

    answer = send(client, ticket, action, **values)

    assert (answer.status_code, text in answer.text, rows() == before) == (400, True, True)
    assert send(client, ticket, action, version="x").status_code == 400


def test_a_person_with_german_reads_german(client: Client) -> None:
    ticket = issue()
    client.cookies["django_language"] = "de"

    assert "Stornieren und ersetzen" in client.get(f"/tickets/{ticket.id}/cancel/").text
