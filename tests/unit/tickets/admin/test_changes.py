"""A clerk changes one ticket at a time: each change has its button, its page and its permission."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.tickets import FIELDS, issue, recorded, rows
from tests.unit.tickets.admin.test_tickets import FORM, LIST, client_with
from tickets.changes.changes import CHANGES
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

PERMISSION = {each.name: each.permission.removeprefix("tickets.") for each in CHANGES}


def in_status(status: str) -> Ticket:
    ticket = issue()
    if status == "checked_in":
        ticket.check_in()
    elif status == "canceled":
        ticket.cancel()
    return ticket


def page_of(ticket: Ticket, name: str) -> str:
    return f"{LIST}{ticket.id}/{name.replace('_', '-')}/"


@pytest.mark.parametrize(
    ("name", "before", "typed", "after", "event", "told"),
    [
        ("check_in", "issued", {}, "checked_in", "TicketCheckedIn", "is checked in"),
        ("correct", "issued", {"seat": "Row 9"}, "issued", "TicketUpdated", "is corrected"),
        ("cancel", "issued", {"reason": "Sold", "holder_name": "Grace"}, "canceled", "TicketIssued", "replacement is"),
        ("void", "issued", {"reason": "Refunded"}, "canceled", "TicketCanceled", "without a replacement"),
        ("undo_check_in", "checked_in", {"reason": "Wrong gate"}, "issued", "TicketCheckInUndone", "used again"),
        ("reinstate", "canceled", {"reason": "Mistake"}, "issued", "TicketReinstated", "is valid again"),
    ],
)
def test_each_change_asks_first_and_needs_its_permission(
    name: str, before: str, typed: dict[str, str], after: str, event: str, told: str
) -> None:
    ticket = in_status(before)
    own = {field: getattr(ticket, field) for field in ("holder_name", "holder_email", "seat")}
    form = {**own, **typed, "version": str(ticket.version)}
    client = client_with("view_ticket", PERMISSION[name])
    others = Client()
    others.force_login(User.objects.create_user("other", is_staff=True))
    stored = rows()

    button = f'href="{page_of(ticket, name)}"'
    shown = client.get(f"{LIST}{ticket.id}/change/").text
    asked = client.get(page_of(ticket, name))
    assert button in shown
    assert asked.status_code == 200
    assert ticket.code in asked.text
    assert others.get(page_of(ticket, name)).status_code == others.post(page_of(ticket, name), form).status_code == 403
    assert rows() == stored

    done = client.post(page_of(ticket, name), form, follow=True).text

    ticket.refresh_from_db()
    assert ticket.status == after
    assert type(recorded()[-1]).__name__ == event
    assert told in done
    assert {value for field, value in typed.items() if field == "reason" and value not in done} == set()
    assert (button in done) == (name == "correct")


def test_the_corrections_of_a_cancellation_are_the_replacements() -> None:
    ticket = issue()
    client = client_with("view_ticket", "cancel_ticket")
    form = {"holder_name": "Grace", "holder_email": "grace@example.org", "seat": ticket.seat, "version": "1"}

    client.post(page_of(ticket, "cancel"), form)

    replacement = Ticket.objects.get(replaces=ticket)
    assert (replacement.holder_name, replacement.holder_email) == ("Grace", "grace@example.org")
    assert Ticket.objects.get(id=ticket.id).holder_name == FIELDS["holder_name"]


def test_who_was_slower_is_told_who_did_what_and_keeps_what_was_typed() -> None:
    ticket = issue()
    client = client_with("view_ticket", "change_ticket", "check_in_ticket")
    typed = {"holder_name": "Typed <b>name", "holder_email": "new@example.org", "seat": "Row 1", "version": "1"}
    client.post(page_of(ticket, "correct"), {**typed, "holder_name": "Faster"})

    late = client.post(page_of(ticket, "correct"), typed)

    assert late.status_code == 409
    assert "Somebody else was faster" in late.text
    assert "corrected by <bdi>clerk</bdi>" in late.text
    assert "<bdi>José Núñez</bdi> → <bdi>Faster</bdi>" in late.text
    assert 'value="Typed &lt;b&gt;name"' in late.text
    assert 'name="version" value="2"' in late.text
    assert Ticket.objects.get().holder_name == "Faster"
    again = client.post(page_of(ticket, "correct"), {**typed, "version": "2"}, follow=True)
    assert "is corrected" in again.text


def test_a_field_that_the_slower_one_left_as_it_was_keeps_what_the_faster_one_wrote() -> None:
    """Two clerks correct one ticket: one the name, the other the seat."""
    ticket = issue()
    client = client_with("view_ticket", "change_ticket")
    seen = {"holder_name": ticket.holder_name, "holder_email": ticket.holder_email, "seat": ticket.seat, "version": "1"}
    client.post(page_of(ticket, "correct"), {**seen, "holder_name": "Faster"})

    late = client.post(page_of(ticket, "correct"), {**seen, "seat": "Row 1"})
    shown = late.context["attempt"].form
    client.post(page_of(ticket, "correct"), {name: shown[name].value() for name in seen})

    assert (late.status_code, shown["holder_name"].value(), shown["seat"].value()) == (409, "Faster", "Row 1")
    assert Ticket.objects.values_list("holder_name", "seat", "version").get() == ("Faster", "Row 1", 3)


def test_a_ticket_of_the_calendars_last_day_is_checked_in() -> None:
    """Earlier releases have issued such tickets."""
    ticket = issue()
    Ticket.objects.update(starts_at=datetime(9999, 12, 31, 23, 30, tzinfo=UTC))

    response = client_with("view_ticket", "check_in_ticket").post(page_of(ticket, "check_in"), {"version": "1"})

    assert (response.status_code, Ticket.objects.get().status) == (302, "checked_in")


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "9", "9" * 30, "²"])
def test_a_version_that_nobody_has_seen_changes_nothing(version: str) -> None:
    ticket = issue()

    response = client_with("view_ticket", "check_in_ticket").post(page_of(ticket, "check_in"), {"version": version})

    assert response.status_code == (409 if version == "9" else 400)
    assert Ticket.objects.get().status == "issued"


def test_a_refusal_is_a_sentence() -> None:
    ticket = in_status("checked_in")
    client = client_with("view_ticket", "cancel_ticket", "change_ticket")

    refused = client.post(page_of(ticket, "void"), {"version": "2", "reason": "x"})
    invalid = client.post(page_of(ticket, "correct"), {"version": "2", "holder_name": "", "holder_email": "no"})

    assert (refused.status_code, invalid.status_code) == (409, 400)
    assert "The ticket is already checked in." in refused.text
    assert "This field is required." in invalid.text


def test_a_seat_that_is_sold_and_a_show_that_is_over_are_confirmed() -> None:
    """The form to issue asks as the pages of the changes do."""
    issue(seat="A1")
    client = client_with("view_ticket", "add_ticket", "change_ticket")
    other = issue(seat="A2")
    form = {**FORM, "starts_at_0": "2027-05-01", "time_zone": "UTC", "starts_at_1": "20:00", "seat": "a1", "code": ""}
    typed = {"holder_name": "X", "holder_email": "x@example.org", "seat": "A1", "version": "1"}

    for path, data in ((f"{LIST}add/", form), (page_of(other, "correct"), typed)):
        asked = client.post(path, data).text
        assert "is sold for this show already, with ticket" in asked
        assert 'type="checkbox" name="confirmed"' in asked
        assert 'type="checkbox" name="confirmed"' not in client.get(path).text
        assert client.post(path, {**data, "confirmed": "on"}).status_code == 302
    past = {**form, "starts_at_0": "2020-05-01", "seat": ""}
    assert "The show has begun already, or is over." in client.post(f"{LIST}add/", past).text


def test_the_same_form_is_not_taken_twice_by_mistake() -> None:
    """A second click, or going back and sending the form again."""
    client = client_with("view_ticket", "add_ticket")
    form = {**FORM, "code": "", "seat": ""}
    client.post(f"{LIST}add/", form)

    asked = client.post(f"{LIST}add/", form)
    issued = Ticket.objects.count()
    confirmed = client.post(f"{LIST}add/", {**form, "confirmed": "on"})

    assert f"was issued just now: {Ticket.objects.earliest('id').code}" in asked.text
    assert (issued, confirmed.status_code, Ticket.objects.count()) == (1, 302, 2)


def test_a_ticket_shows_its_timeline_and_its_chain() -> None:
    first = issue()
    second = first.cancel("Sold back")
    third = second.cancel()

    page = client_with("view_ticket", "view_logentry").get(f"{LIST}{second.id}/change/").text

    assert f'href="{LIST}{first.id}/change/">{first.code}</a>' in page
    assert f'href="{LIST}{third.id}/change/">{third.code}</a>' in page
    assert f"<strong>{second.code}</strong>" in page
    assert "/admin/events/logentry/" in page
    assert "Sold back" in client_with_another().get(f"{LIST}{first.id}/change/").text


def client_with_another() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=canceled", {"OLD"}),
        ("venue=saal", {"OLD", "TOKYO"}),
        ("currency=jpy", {"TOKYO"}),
        ("day_from=2027-05-02", {"TOKYO"}),
        ("day_to=2027-05-01", {"OLD"}),
        ("q=row+77", {"TOKYO"}),
        ("q=o-l-d", {"OLD"}),
    ],
)
def test_the_list_is_filtered_by_the_shows_own_day(query: str, found: set[str]) -> None:
    """The show in Tokyo begins on the evening of the first in UTC, on the second at its venue."""
    late = datetime(2027, 5, 1, 20, tzinfo=UTC)
    issue(code="TOKYO", starts_at=late, time_zone="Asia/Tokyo", seat="Row 77", price="500", currency="JPY")
    issue(code="OLD", starts_at=late, time_zone="Europe/Berlin").void()

    page = client_with("view_ticket").get(f"{LIST}?{query}").text

    assert {code for code in ("OLD", "TOKYO") if f">{code}</a>" in page} == found


@pytest.mark.parametrize(
    "query",
    ["day_from=x", "day_from=9999-12-31", "status=odd", "currency=EURO", "venue=" + "x" * 300, "q=" + "a+" * 1000],
)
def test_a_filter_that_is_none_leads_back_to_the_list_which_says_so(query: str) -> None:
    client = client_with("view_ticket", "export_ticket")

    response, export = (client.get(f"{LIST}{name}?{query}") for name in ("", "export.csv"))

    assert (response.status_code, response.headers.get("Location")) == (302, f"{LIST}?e=1")
    assert (export.status_code, export.headers.get("Location")) == (302, f"{LIST}?e=1")
    assert "so it shows everything." in client.get(f"{LIST}?e=1").text


def test_the_list_takes_the_same_number_of_queries_for_many_tickets() -> None:
    client = client_with("view_ticket", "cancel_ticket")

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(LIST).status_code == 200
        return len(queries)

    issue().cancel()
    few = count()
    Ticket.cancel_many(Ticket.issue_many([FIELDS] * 20))
    assert count() == few
