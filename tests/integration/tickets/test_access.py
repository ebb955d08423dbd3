"""Test the group `access` on real servers: how one ticket's failure affects others and its own later events."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from pytest_django import Settings

from events.exceptions import RetryLater
from events.models import DeadLetter
from events.testing import run_until_idle
from tests.network.gate import SECRET, Gate, opened_gate, status
from tests.tickets import issue
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream")]


@pytest.fixture
def gate(settings: Settings) -> Iterator[Gate]:
    with opened_gate() as gate:
        settings.ACCESS_SYSTEM_URL = gate.url
        settings.ACCESS_SYSTEM_SECRETS = [SECRET]
        settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
        yield gate


def canceled_tickets(count: int) -> list[Ticket]:
    tickets = [issue() for _ in range(count)]
    Ticket.cancel_many(tickets)
    return tickets


def correct(ticket: Ticket) -> None:
    """Change the ticket without an event, then let `verify_log` record a correction."""
    Ticket.objects.filter(id=ticket.id).update(venue="Elsewhere", version=ticket.version + 1)
    call_command("verify_log", repair=True)


def told_about(gate: Gate, ticket: Ticket) -> list[int]:
    return [call.message["data"]["version"] for call in gate.calls if call.ticket == ticket.id]


def test_a_parked_cancellation_holds_up_only_its_own_ticket(gate: Gate) -> None:
    tickets = canceled_tickets(5)
    refused = tickets[1]
    gate.answers_for = {refused.id: status(422, b"no such ticket")}

    run_until_idle("access")
    correct(refused)
    run_until_idle("access")

    assert [told_about(gate, ticket) for ticket in tickets] == [[2]] * 5
    letters = DeadLetter.objects.order_by("id").values_list("type", "subject", "state")
    assert list(letters) == [
        ("ticket.canceled", str(refused.id), "parked"),
        ("ticket.corrected", str(refused.id), "queued"),
    ]
    assert "answered 422: 'no such ticket'" in DeadLetter.objects.earliest("id").error


def test_retrying_a_parked_event_sends_the_tickets_messages_in_order(gate: Gate) -> None:
    [ticket] = canceled_tickets(1)
    gate.answers_for = {ticket.id: status(422)}
    run_until_idle("access")
    correct(ticket)
    run_until_idle("access")
    gate.answers_for.clear()
    gate.calls.clear()

    DeadLetter.objects.filter(state="parked").update(state="retry")
    run_until_idle("access")

    assert told_about(gate, ticket) == [2, Ticket.objects.get(id=ticket.id).version]
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"handled"}


def test_a_retriable_failure_keeps_the_checkpoint_and_parks_nothing(gate: Gate) -> None:
    tickets = canceled_tickets(3)
    gate.answers_for = {tickets[0].id: status(500)}

    with pytest.raises(RetryLater, match="answered 500"):
        run_until_idle("access")
    gate.answers_for.clear()
    run_until_idle("access")

    assert not DeadLetter.objects.exists()
    assert told_about(gate, tickets[0]) == [2, 2]
    assert told_about(gate, tickets[1])[0] == told_about(gate, tickets[2])[0] == 2


def test_a_cancellation_without_an_event_is_sent_after_its_correction(gate: Gate) -> None:
    ticket = issue()
    run_until_idle("access")
    replacement = issue(replaces=ticket)
    Ticket.objects.filter(id=ticket.id).update(status="canceled")

    call_command("verify_log", repair=True)
    run_until_idle("access")

    [call] = gate.calls
    assert call.message["type"] == "ticket.canceled"
    assert call.message["data"]["ticketId"] == str(ticket.id)
    assert call.message["data"]["newTicketId"] == str(replacement.id)


def test_a_private_address_parks_nothing(gate: Gate, settings: Settings) -> None:
    canceled_tickets(1)
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = False
    settings.ACCESS_SYSTEM_URL = gate.url.replace("127.0.0.1", "localhost")

    with pytest.raises(RetryLater, match="localhost has no public address"):
        run_until_idle("access")

    assert not DeadLetter.objects.exists()
    assert gate.calls == []
