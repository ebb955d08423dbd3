"""Test the changes that mend mistakes: update, cancel with corrections or without a replacement, reinstate, undo."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import Settings

from tests.tickets import issue, recorded, rows
from tickets.events import TicketCanceled, TicketCheckedIn, TicketCheckInUndone, TicketReinstated, TicketUpdated
from tickets.exceptions import ConcurrentChange, TransitionRefused
from tickets.models import CheckIn, Passage, Ticket

pytestmark = pytest.mark.django_db


class TestUpdate:
    def test_the_event_names_the_fields_that_differ(self) -> None:
        ticket = issue(holder_name="Jose Nunez")

        changed = ticket.update(holder_name=" José  Núñez ", seat=ticket.seat)

        stored = Ticket.objects.get()
        assert changed == ["holder_name"]
        assert (stored.holder_name, stored.version, ticket.holder_name, ticket.version) == ("José Núñez", 2) * 2
        assert recorded()[-1] == TicketUpdated(ticket=stored.state(), changed=["holder_name"])

    def test_without_a_difference_nothing_is_recorded(self) -> None:
        ticket = issue()
        before = rows()

        assert ticket.update(holder_name=ticket.holder_name) == []
        assert (rows(), len(recorded())) == (before, 1)

    def test_a_wrong_value_is_refused_by_its_field(self) -> None:
        ticket = issue()
        before = rows()

        with pytest.raises(ValidationError) as refusal:
            ticket.update(holder_email="no address")

        assert list(refusal.value.message_dict) == ["holder_email"]
        assert (rows(), len(recorded())) == (before, 1)

    @pytest.mark.parametrize("change", ["cancel", "check_in"])
    def test_only_an_issued_ticket_can_be_updated(self, change: str) -> None:
        ticket = issue()
        getattr(ticket, change)()

        with pytest.raises(TransitionRefused, match="is already"):
            ticket.update(seat="B 2")

    def test_a_ticket_that_was_changed_since_it_was_read_is_refused(self) -> None:
        ticket = issue()
        Ticket.objects.get().update(seat="B 1")

        with pytest.raises(ConcurrentChange):
            ticket.update(seat="B 2")


class TestCancel:
    def test_the_replacement_has_the_corrected_holder_and_the_event_the_reason(self) -> None:
        ticket = issue()

        replacement = ticket.cancel("  wrong\tname ", holder_name="Ada", holder_email="ada@example.org")

        assert (replacement.holder_name, replacement.holder_email) == ("Ada", "ada@example.org")
        assert replacement.seat == ticket.seat
        assert recorded()[1] == TicketCanceled(ticket=ticket.state(), new_ticket_id=replacement.id, reason="wrong name")

    @pytest.mark.parametrize(("reason", "corrections"), [("x" * 501, {}), ("a\x1bb", {}), ("", {"holder_email": "no"})])
    def test_wrong_values_leave_the_ticket_as_it_was(self, reason: str, corrections: Any) -> None:
        ticket = issue()
        before = rows()

        with pytest.raises(ValidationError):
            ticket.cancel(reason, **corrections)

        assert (rows(), len(recorded())) == (before, 1)

    def test_a_ticket_can_be_canceled_without_a_replacement(self) -> None:
        ticket = issue()

        ticket.void("the show is sold out")

        assert (ticket.status, Ticket.objects.count()) == ("canceled", 1)
        assert recorded()[1] == TicketCanceled(ticket=ticket.state(), reason="the show is sold out")


class TestReinstate:
    def test_the_ticket_is_valid_and_its_replacement_void(self) -> None:
        ticket = issue()
        replacement = ticket.cancel()

        ticket.reinstate("wrong ticket")

        assert Ticket.objects.get(id=ticket.id).state() == ticket.state()
        assert (ticket.status, ticket.version) == ("issued", 3)
        voided = Ticket.objects.get(id=replacement.id)
        assert (voided.status, voided.version, voided.replaces) == ("canceled", 2, None)
        assert recorded()[3:] == [
            TicketCanceled(ticket=voided.state(), reason="wrong ticket"),
            TicketReinstated(ticket=ticket.state(), reason="wrong ticket"),
        ]

    def test_it_can_be_canceled_again(self) -> None:
        ticket = issue()
        ticket.cancel()
        ticket.reinstate()

        assert ticket.cancel().replaces == ticket

    def test_one_without_a_replacement_is_valid_again(self) -> None:
        ticket = issue()
        ticket.void()

        ticket.reinstate()

        assert ticket.status == "issued"

    @pytest.mark.parametrize(("change", "status"), [("check_in", "checked in"), ("cancel", "canceled")])
    def test_a_used_replacement_prevents_it(self, change: str, status: str) -> None:
        ticket = issue()
        replacement = ticket.cancel()
        getattr(replacement, change)()
        before = rows()

        with pytest.raises(TransitionRefused, match=f"ticket {replacement.code} is already {status}"):
            ticket.reinstate()

        assert rows() == before

    def test_the_time_for_it_is_limited(self, settings: Settings) -> None:
        settings.TICKETS_REINSTATE_SECONDS = 60
        ticket = issue()
        ticket.void()
        Ticket.objects.update(updated_at=timezone.now() - timedelta(seconds=61))

        with pytest.raises(TransitionRefused, match=r"canceled more than 60 s ago"):
            ticket.reinstate()

    def test_an_issued_ticket_is_refused(self) -> None:
        ticket = issue(code="ABCD2345")

        with pytest.raises(TransitionRefused, match="ticket ABCD2345 is issued"):
            ticket.reinstate()


class TestCheckIn:
    def test_the_passage_is_kept_and_the_next_refusal_says_when_and_where(self) -> None:
        ticket = issue(time_zone="Europe/Berlin")
        at = timezone.now()

        ticket.check_in(Passage(device="north gate", nonce="1", at=at))

        kept = CheckIn.objects.get()
        assert (kept.ticket, kept.device, kept.nonce, kept.at) == (ticket, "north gate", "1", at)
        assert recorded()[1] == TicketCheckedIn(ticket=ticket.state(), device="north gate", at=at)
        with pytest.raises(TransitionRefused, match=r"already checked in, .* at north gate"):
            ticket.check_in()

    def test_it_can_be_undone_and_repeated(self) -> None:
        ticket = issue()
        ticket.check_in()

        ticket.undo_check_in("wrong door")

        assert recorded()[-1] == TicketCheckInUndone(ticket=ticket.state(), reason="wrong door")
        assert (ticket.status, CheckIn.objects.get().undone_at) == ("issued", ticket.updated_at)
        ticket.check_in()
        assert CheckIn.objects.filter(undone_at=None).count() == 1

    def test_only_one_that_is_checked_in_can_be_undone(self) -> None:
        with pytest.raises(TransitionRefused, match="is issued"):
            issue().undo_check_in()
