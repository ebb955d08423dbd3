from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from events import unit_of_work
from tests.tickets import FIELDS, issue, recorded, rows
from tickets.events import TicketCanceled, TicketCheckedIn, TicketIssued
from tickets.exceptions import ConcurrentChange, DeletionRefused, TransitionRefused
from tickets.models import CheckIn, Ticket
from tickets.values import codes

pytestmark = pytest.mark.django_db

# Metals, funds, units of account, and codes for tests and for no currency.
NOT_PAID_WITH = [
    "XAU",
    "XAG",
    "XDR",
    "XTS",
    "XXX",
    "XSU",
    "XUA",
    "XAD",
    "CHE",
    "CLF",
    "COU",
    "MXV",
    "USN",
    "UYW",
    "BOV",
]


class TestIssue:
    def test_a_ticket_is_stored_and_its_event_carries_what_is_stored(self) -> None:
        ticket = issue()

        stored = Ticket.objects.get()
        assert stored.state() == ticket.state()
        assert recorded() == [TicketIssued(ticket=stored.state())]
        assert (stored.status, stored.version, stored.replaces) == ("issued", 1, None)
        assert {name: getattr(stored, name) for name in FIELDS} == FIELDS
        assert stored.created_at == stored.updated_at

    def test_values_are_normalized_to_those_in_the_database(self) -> None:
        berlin = timezone(timedelta(hours=2))

        ticket = issue(price=Decimal("-0"), starts_at=datetime(2027, 5, 1, 22, 0, tzinfo=berlin))

        [event] = recorded()
        assert str(event.ticket.price) == str(ticket.price) == "0.00"
        assert event.ticket.starts_at == datetime(2027, 5, 1, 20, 0, tzinfo=UTC)
        assert ticket.starts_at.tzinfo is UTC

    @pytest.mark.parametrize(
        ("field", "value", "stored"),
        [
            ("venue", "Ope\u0301ra", "Opéra"),
            ("venue", "\u00a0Arena\t Berlin\u2028", "Arena Berlin"),
            ("title", "\u200eפסטיבל\u200f", "פסטיבל"),
            ("title", "\ufeffAre\u00adna\u200b", "Arena"),
            ("title", "می\u200cخواهم 👩\u200d🎤", "می\u200cخواهم 👩\u200d🎤"),
            ("title", "A\u206arena\ufff9 \U000e0041🏴\U000e0067\U000e007f", "Arena 🏴\U000e0067\U000e007f"),
            ("seat", "\u200b", ""),
            ("holder_email", " jose@example.org\n", "jose@example.org"),
            ("code", " abc-1 ", "abc-1"),
        ],
    )
    def test_text_is_normalized_where_it_enters(self, field: str, value: str, stored: str) -> None:
        issue(**{field: value})

        [event] = recorded()
        assert getattr(Ticket.objects.get(), field) == getattr(event.ticket, field) == stored

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("title", "", "This field cannot be blank."),
            ("title", "x" * 201, "at most 200 characters"),
            ("title", "NUL\0", "NUL or an invalid character"),
            ("holder_name", "lone \ud800", "NUL or an invalid character"),
            ("holder_name", "none \uffff", "NUL or an invalid character"),
            ("holder_email", "nobody", "valid email address"),
            ("starts_at", datetime(2027, 5, 1, 20, 0), "has no time zone"),  # noqa: DTZ001
            ("starts_at", "9999-12-31T23:59:59-23:00", "outside the years 1900 to 2200"),
            ("starts_at", "tomorrow", "invalid format"),
            ("starts_at", "2027-05-01T20.30Z", "Write the hours and the minutes"),
            ("starts_at", "2027-05-01T20+02:00", "Write the hours and the minutes"),
            *(
                ("starts_at", day, "Write the hours and the minutes")
                for day in ("2027-05-01", "20270501", "2027-W18-6")
            ),
            *(("price", price, "must be a decimal number") for price in ("1e3", "1_000", "1E+03")),
            ("price", Decimal("-0.01"), "greater than or equal to 0"),
            ("starts_at", "0001-01-01T00:00:00+14:00", "outside the years 1900 to 2200"),
            ("starts_at", "1899-12-31T23:59:59Z", "outside the years 1900 to 2200"),
            ("starts_at", "2201-01-01T00:00:00Z", "outside the years 1900 to 2200"),
            ("time_zone", "Mars/Olympus", "not the name of a time zone"),
            ("time_zone", "../../etc/passwd", "not the name of a time zone"),
            ("time_zone", "CET", "not the name of a time zone"),
            ("price", Decimal("1.005"), "EUR has 2 decimals; write 1.00, for example."),
            ("price", Decimal("NaN"), "must be a decimal number"),
            ("currency", "EUX", "not the ISO 4217 code of a currency"),
            *(("currency", code, "not the ISO 4217 code") for code in NOT_PAID_WITH),
            ("code", "no spaces", "letters A to Z, digits and hyphens only"),
            ("code", "--", "and not only hyphens"),
            ("title", "\u200b\ufeff", "This field cannot be blank."),
            ("title", "\u3164\u0301", "This text shows nothing"),
            ("venue", "moor\u202etxt", "control character U+202E"),
            ("holder_name", "\x1b[31mred", "control character U+001B"),
            ("seat", "\u2066A 1", "control character U+2066"),
        ],
    )
    def test_an_invalid_value_is_reported_by_field_and_nothing_is_written(
        self, field: str, value: Any, message: str
    ) -> None:
        with pytest.raises(ValidationError) as refusal:
            issue(**{field: value})

        assert set(refusal.value.message_dict) == {field}
        assert message in refusal.value.message_dict[field][0]
        assert rows() == []
        assert recorded() == []

    @pytest.mark.parametrize(
        ("price", "currency", "written"),
        [
            ("1000", "JPY", "1000"),
            ("1000.00", "JPY", "1000"),
            ("1.25", "KWD", "1.250"),
            ("1.255", "KWD", "1.255"),
            ("12", "EUR", "12.00"),
            ("1E+3", "XOF", "1000"),
            ("99999999.999", "TND", "99999999.999"),
        ],
    )
    def test_a_price_has_its_currency_s_decimals_in_the_row_and_in_the_event(
        self, price: str, currency: str, written: str
    ) -> None:
        ticket = issue(price=Decimal(price), currency=currency)

        [event] = recorded()
        assert {str(found) for found in (ticket.price, Ticket.objects.get().price, event.ticket.price)} == {written}

    @pytest.mark.parametrize(
        ("price", "currency", "message"),
        [
            ("1000.50", "JPY", "JPY has no decimals; write 1000, for example."),
            ("1.2505", "KWD", "no more than 3 decimal places"),
            ("0.001", "USD", "USD has 2 decimals; write 0.00, for example."),
        ],
    )
    def test_a_price_with_more_decimals_than_its_currency_is_refused(
        self, price: str, currency: str, message: str
    ) -> None:
        with pytest.raises(ValidationError) as refusal:
            issue(price=Decimal(price), currency=currency)

        assert message in refusal.value.message_dict["price"][0]

    def test_what_is_stored_already_can_be_read_corrected_and_canceled(self) -> None:
        """Earlier releases took any currency with two decimals, and any year."""
        ticket = issue()
        far = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
        Ticket.objects.filter(id=ticket.id).update(price="1000.50", currency="XXX", starts_at=far, time_zone="")

        ticket = Ticket.objects.get()
        ticket.update(seat="B 2")
        replacement = ticket.cancel()

        stored = Ticket.objects.get(id=replacement.id)
        assert stored.seat == "B 2"
        assert (str(stored.price), stored.currency, stored.starts_at, stored.time_zone) == (
            "1000.50",
            "XXX",
            far,
            "UTC",
        )

    @pytest.mark.parametrize(
        ("local", "zone", "instant"),
        [
            ("2027-05-01T20:00", "Europe/Berlin", "2027-05-01T18:00Z"),
            ("2027-05-01T20:00", "Asia/Kathmandu", "2027-05-01T14:15Z"),
            ("2027-05-01T20:00", "Pacific/Kiritimati", "2027-05-01T06:00Z"),
            ("2027-05-01T20:00", "Pacific/Pago_Pago", "2027-05-02T07:00Z"),
            # An offset wins over the zone, which only says how to show the time.
            ("2027-05-01T20:00-03:00", "Asia/Tokyo", "2027-05-01T23:00Z"),
            ("2027-10-31T02:30+02:00", "Europe/Berlin", "2027-10-31T00:30Z"),
            ("2027-10-31T02:30+01:00", "Europe/Berlin", "2027-10-31T01:30Z"),
        ],
    )
    def test_a_local_time_is_one_in_the_venue_s_zone(self, local: str, zone: str, instant: str) -> None:
        ticket = issue(starts_at=local, time_zone=zone)

        assert (ticket.starts_at, ticket.time_zone) == (datetime.fromisoformat(instant), zone)
        assert ticket.cancel().time_zone == zone

    @pytest.mark.parametrize(
        ("local", "zone", "message"),
        [
            ("2027-03-28T02:30", "Europe/Berlin", "put forward and skip this time"),
            ("2027-10-31T02:30", "Europe/Berlin", "write 2027-10-31T02:30:00+02:00 or 2027-10-31T02:30:00+01:00."),
            ("2027-04-04T01:45", "Australia/Lord_Howe", "show this time twice"),
            ("2011-12-30T12:00", "Pacific/Apia", "skip this time"),
            ("0001-01-01T00:00", "Asia/Tokyo", "outside the years 1900 to 2200"),
            ("9999-12-31T23:59", "America/New_York", "outside the years 1900 to 2200"),
        ],
    )
    def test_a_local_time_that_is_not_one_instant_is_refused(self, local: str, zone: str, message: str) -> None:
        with pytest.raises(ValidationError) as refusal:
            issue(starts_at=local, time_zone=zone)

        assert message in refusal.value.message_dict["starts_at"][0]

    def test_without_a_zone_it_is_the_default_one(self, settings: Settings) -> None:
        settings.TICKETS_TIME_ZONE = "Asia/Tokyo"

        assert (issue().time_zone, issue(time_zone="").time_zone) == ("Asia/Tokyo", "Asia/Tokyo")

    def test_the_caller_can_not_set_status_and_version(self) -> None:
        with pytest.raises(TypeError):
            issue(status="canceled")
        with pytest.raises(TypeError):
            issue(version=7)

    def test_a_taken_code_refuses_all_tickets_of_the_call(self) -> None:
        issue(code="TAKEN")

        with pytest.raises(ValidationError, match="A ticket with the code TAKEN already exists"):
            Ticket.issue_many([{**FIELDS, "code": "FREE"}, {**FIELDS, "code": "TAKEN"}])

        assert [ticket.code for ticket in Ticket.objects.all()] == ["TAKEN"]
        assert len(recorded()) == 1

    @pytest.mark.parametrize("other", ["SAME-1", "same-1", "SAME1", "-s-ame1-"])
    def test_a_code_may_not_be_given_twice_in_any_spelling(self, other: str) -> None:
        with pytest.raises(ValidationError, match="The code SAME1 is given to 2 tickets"):
            Ticket.issue_many([{**FIELDS, "code": "SAME-1"}, {**FIELDS, "code": other}])
        issue(code="SAME-1")
        with pytest.raises(ValidationError, match="A ticket with the code SAME-1 already exists"):
            issue(code=other)

        assert Ticket.objects.count() == 1

    def test_a_generated_code_that_is_taken_is_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        issue(code="22222222")
        letters = iter("22222222" + "33333333")
        monkeypatch.setattr(codes.secrets, "choice", lambda _: next(letters))

        assert issue().code == "33333333"

    def test_generated_codes_have_no_letters_that_look_alike(self) -> None:
        tickets = Ticket.issue_many([FIELDS] * 200)

        assert len({ticket.code for ticket in tickets}) == 200
        assert not set("".join(ticket.code for ticket in tickets)) & set("0O1ILSZB")

    def test_many_tickets_take_few_statements(self, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(20), unit_of_work():
            Ticket.cancel_many(Ticket.issue_many([FIELDS] * 50))


class TestCancel:
    def test_a_canceled_ticket_is_replaced_by_another(self) -> None:
        ticket = issue()

        replacement = ticket.cancel()

        assert (ticket.status, ticket.version) == ("canceled", 2)
        assert ticket.state() == Ticket.objects.get(id=ticket.id).state()
        assert replacement.state() == Ticket.objects.exclude(id=ticket.id).get().state()
        assert {name: getattr(replacement, name) for name in FIELDS} == FIELDS
        assert (replacement.status, replacement.version, replacement.replaces) == ("issued", 1, ticket)
        assert ticket.replacement == replacement
        assert replacement.code != ticket.code

    def test_both_events_are_recorded_with_the_states_after_the_change(self) -> None:
        ticket = issue()

        replacement = ticket.cancel()

        assert recorded() == [
            TicketIssued(ticket=ANY),
            TicketCanceled(ticket=ticket.state(), new_ticket_id=replacement.id),
            TicketIssued(ticket=replacement.state()),
        ]

    def test_canceling_twice_is_refused_and_names_the_replacement(self) -> None:
        ticket = issue()
        replacement = ticket.cancel()
        before = rows(), recorded(), ticket.state()

        with pytest.raises(
            TransitionRefused,
            match=f"ticket {ticket.code} is already canceled; its replacement is {replacement.code}",
        ):
            ticket.cancel()

        assert (rows(), recorded(), ticket.state()) == before

    def test_canceling_a_checked_in_ticket_is_refused(self) -> None:
        ticket = issue()
        ticket.check_in()
        before = rows(), recorded(), ticket.state()

        with pytest.raises(TransitionRefused, match=f"ticket {ticket.code} is already checked in"):
            ticket.cancel()

        assert (rows(), recorded(), ticket.state()) == before

    def test_a_ticket_that_was_changed_since_it_was_read_is_refused(self) -> None:
        ticket = issue()
        Ticket.objects.get().check_in()
        before = rows(), recorded(), ticket.state()

        with pytest.raises(ConcurrentChange, match=f"ticket {ticket.code}, version 1: .* read it again"):
            ticket.cancel()

        assert (rows(), recorded(), ticket.state()) == before

    def test_a_failure_while_recording_leaves_row_object_and_log_as_they_were(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticket = issue()
        before = rows(), recorded(), ticket.state()
        monkeypatch.setattr("tickets.models.ticket.record", _fail)

        with pytest.raises(OSError, match="the disk is full"):
            ticket.cancel()

        assert (rows(), recorded(), ticket.state()) == before

    def test_one_refusal_leaves_all_tickets_of_the_call_unchanged(self) -> None:
        fresh, stale = Ticket.issue_many([FIELDS] * 2)
        Ticket.objects.get(id=stale.id).check_in()
        before = rows(), recorded(), fresh.state()

        with pytest.raises(ConcurrentChange):
            Ticket.cancel_many([fresh, stale])

        assert (rows(), recorded(), fresh.state()) == before

    def test_a_replacement_can_be_canceled_in_turn(self) -> None:
        last = issue().cancel().cancel()

        assert Ticket.objects.count() == 3
        assert last.replaces is not None
        assert last.replaces.status == "canceled"

    def test_a_rolled_back_unit_of_work_removes_change_and_events(self) -> None:
        ticket = issue()
        before = rows(), recorded()

        with pytest.raises(OSError), unit_of_work():  # noqa: PT011
            ticket.cancel()
            _fail()

        assert (rows(), recorded()) == before


class TestCheckIn:
    def test_the_ticket_is_checked_in_and_its_event_says_so(self) -> None:
        ticket = issue()

        ticket.check_in()

        assert Ticket.objects.get().state() == ticket.state()
        assert (ticket.status, ticket.version) == ("checked_in", 2)
        assert recorded()[1:] == [TicketCheckedIn(ticket=ticket.state(), at=CheckIn.objects.get().at)]

    def test_a_canceled_ticket_is_refused(self) -> None:
        ticket = issue()
        ticket.cancel()
        before = rows(), recorded()

        with pytest.raises(TransitionRefused, match="is already canceled; its replacement is"):
            ticket.check_in()

        assert (rows(), recorded()) == before


class TestCode:
    @pytest.mark.parametrize(
        "typed", ["VIP-X1", " vip-x1 ", "vipx1", "VIP X 1", "vip\u2011x1", "ＶＩＰ－Ｘ１", "v-i-p-x-1\n"]
    )
    def test_a_ticket_is_found_by_its_code_in_any_spelling(self, typed: str) -> None:
        issue(code="VIP-X12")
        ticket = issue(code="VIP-X1")

        assert list(Ticket.objects.with_code(typed)) == [ticket]

    @pytest.mark.parametrize("typed", ["", "-", "VIP-X", "VIP_X1", "%", "/"])
    def test_another_code_finds_nothing(self, typed: str) -> None:
        issue(code="VIP-X1")

        assert not Ticket.objects.with_code(typed).exists()


class TestRow:
    def test_tickets_are_never_deleted(self) -> None:
        ticket = issue()

        with pytest.raises(DeletionRefused):
            ticket.delete()
        with pytest.raises(DeletionRefused):
            Ticket.objects.all().delete()

        assert Ticket.objects.get() == ticket

    def test_the_status_is_changed_by_transitions_only(self) -> None:
        ticket = issue()

        with pytest.raises(AttributeError):
            ticket.status = "canceled"

    @pytest.mark.parametrize("values", [{"price": -1}, {"version": 0}, {"status": "lost"}])
    def test_the_database_refuses_invalid_values(self, values: dict[str, Any]) -> None:
        issue()

        with pytest.raises(IntegrityError), transaction.atomic():
            Ticket.objects.update(**values)


def _fail(*_: Any) -> None:
    raise OSError("the disk is full")


def test_a_command_without_a_database_does_not_complain_of_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.features, "supports_stored_generated_columns", False)

    assert Ticket.check(databases=["default"]) == []
