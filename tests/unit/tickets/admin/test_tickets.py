import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.test import Client
from pytest_django import Settings

from config.web.limits.request_body import limit_of
from events.models import LogEntry
from tests.permitted import permit
from tests.tickets import FIELDS, issue, recorded, rows
from tickets.csv_import import permits
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

LIST = "/admin/tickets/ticket/"
FORM = {**FIELDS, "starts_at_0": "2027-05-02", "starts_at_1": "05:00", "time_zone": "Asia/Tokyo"}


def client_with(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    permit(user, *permissions)
    client = Client()
    client.force_login(user)
    return client


def test_tickets_are_listed_and_found() -> None:
    client = client_with("view_ticket")
    issue(code="WANTED", title="Les Misérables")
    issue(code="OTHER")

    page = client.get(LIST, {"q": "Misérables"}).content.decode()

    assert "WANTED" in page
    assert "OTHER" not in page


def test_a_code_in_another_spelling_is_found_and_refused() -> None:
    client = client_with("view_ticket", "add_ticket")
    issue(code="VIP-X1")
    form = {**FIELDS, "starts_at_0": "2027-05-01", "starts_at_1": "20:00:00", "code": "vipx1"}

    assert "VIP-X1" in client.get(LIST, {"q": "vip x1"}).text
    assert "A ticket with the code VIP-X1 already exists." in client.post(f"{LIST}add/", form).text
    assert Ticket.objects.count() == 1


def test_a_ticket_is_issued_with_its_event() -> None:
    client = client_with("view_ticket", "add_ticket")
    form = {**FORM, "starts_at_1": "05:00:00", "code": ""}

    page = client.post(f"{LIST}add/", form, follow=True).content.decode()

    ticket = Ticket.objects.get()
    assert f"The ticket “{ticket.code}” was added successfully." in page
    assert [event.ticket for event in recorded()] == [ticket.state()]
    assert {name: getattr(ticket, name) for name in FIELDS} == FIELDS
    assert ticket.time_zone == "Asia/Tokyo"
    assert LogEntry.objects.get().actor == "clerk"


@pytest.mark.parametrize("permission", ["change_ticket", "add_ticket"])
def test_who_may_not_see_tickets_sees_none(permission: str) -> None:
    """Django shows rows to those who may change them; and an import shows its rows."""
    ticket, client = issue(), client_with(permission)

    paths = ("", f"{ticket.id}/change/", f"{ticket.id}/correct/", f"{ticket.id}/history/", "import/")
    assert [client.get(f"{LIST}{path}").status_code for path in paths] == [403] * len(paths)
    assert f'href="{LIST}"' not in client.get("/admin/").text


def test_the_form_asks_for_the_local_time_at_the_venue() -> None:
    page = client_with("add_ticket").get(f"{LIST}add/").content.decode()

    assert "The local time at the venue." in page
    assert "vDateField" not in page  # To which the admin's script adds a note on the server's time zone.


@pytest.mark.parametrize(
    ("time", "shown"),
    [("02:30", "show this time twice"), ("02:30+02:00", "02:30 CEST (UTC+2)"), ("02:30+01:00", "02:30 CET (UTC+1)")],
)
def test_a_time_that_the_clocks_show_twice_needs_its_offset(time: str, shown: str) -> None:
    client = client_with("view_ticket", "add_ticket")
    form = {**FORM, "starts_at_0": "2027-10-31", "starts_at_1": time, "time_zone": "Europe/Berlin", "code": ""}

    assert shown in client.post(f"{LIST}add/", form, follow=True).content.decode()


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"starts_at_0": "05/06/2027"}, "Enter a valid date."),
        ({"starts_at_1": "20.30+02:00"}, "Enter a valid time."),
        ({"price": "1e3"}, "Enter a number."),
        ({"price": "1_000"}, "Enter a number."),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(change: dict[str, str], refusal: str) -> None:
    page = client_with("view_ticket", "add_ticket").post(f"{LIST}add/", {**FORM, "code": ""} | change).content.decode()

    assert refusal in page
    assert rows() == []


def test_times_and_prices_are_those_of_the_venue() -> None:
    client = client_with("view_ticket")
    ticket = issue(time_zone="Asia/Tokyo", price="1000", currency="JPY")

    for path in (LIST, f"{LIST}{ticket.id}/change/"):
        page = client.get(path).content.decode()
        assert "Sun, 2 May 2027, 05:00 JST (UTC+9)" in page
        assert "JPY\xa01,000" in page


@pytest.mark.parametrize(
    "path", ["", "?starts_at__year=9999", "?starts_at__year=9999&starts_at__month=12", "?starts_at__year=1"]
)
def test_tickets_of_any_stored_year_are_listed(path: str) -> None:
    """Earlier releases took every year; the links are those of the date hierarchy."""
    client = client_with("view_ticket")
    for year, zone in ((9999, "Asia/Tokyo"), (1, "America/New_York")):
        far = datetime(year, 12, 31, 23, 30, tzinfo=UTC)
        Ticket.objects.filter(id=issue(code=f"YEAR{year}").id).update(starts_at=far, time_zone=zone)

    response = client.get(f"{LIST}{path}")

    listed = {year for year in (1, 9999) if f"YEAR{year}" in response.content.decode()}
    assert response.status_code == 200
    assert listed == ({int(path[17:].partition("&")[0])} if path else {1, 9999})


def test_an_invalid_form_shows_the_errors() -> None:
    client = client_with("view_ticket", "add_ticket")
    form = {**FORM, "code": issue().code, "currency": "EUX"}

    page = client.post(f"{LIST}add/", form, follow=True).content.decode()

    assert "Ticket with this Code already exists." in page
    assert "not the ISO 4217 code of a currency" in page
    assert Ticket.objects.count() == 1


def test_a_ticket_is_shown_with_links_and_without_a_form() -> None:
    client = client_with("view_ticket", "add_ticket", "change_ticket", "delete_ticket")
    ticket = issue()
    replacement = ticket.cancel()

    first = client.get(f"{LIST}{ticket.id}/change/").content.decode()
    second = client.get(f"{LIST}{replacement.id}/change/").content.decode()

    assert f'<a href="{LIST}{replacement.id}/change/">{replacement.code}</a>' in first
    assert f'<a href="{LIST}{ticket.id}/change/">{ticket.code}</a>' in second
    assert "Made where none is given" not in first
    assert 'name="title"' not in first
    assert 'name="_save"' not in first


def test_tickets_can_not_be_edited_or_deleted() -> None:
    client = client_with("view_ticket", "add_ticket", "change_ticket", "delete_ticket")
    ticket = issue()
    before = rows()

    assert client.post(f"{LIST}{ticket.id}/change/", {"title": "other"}).status_code == 403
    assert client.post(f"{LIST}{ticket.id}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(LIST).content.decode()
    assert rows() == before


def test_only_those_to_whom_the_page_was_shown_send_a_large_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client_with("view_ticket", "add_ticket").get(f"{LIST}import/").content.decode()
    [permit] = re.findall(r'<form method="post" action="\?([^"]+)"', page)
    form = [(b"content-type", b"multipart/form-data; boundary=x")]

    def limit(query: str) -> int:
        return limit_of({"path": f"{LIST}import/", "query_string": query.encode(), "headers": form}).bytes

    forged = TimestampSigner(key="another", salt=permits.SALT).sign("file")
    assert limit(permit) == settings.WEB_UPLOAD_BYTES
    assert {limit(query) for query in ("", "permit=", f"permit={forged}", permit[:-1])} == {settings.WEB_BODY_BYTES}
    monkeypatch.setattr(permits, "VALID_SECONDS", -1)
    assert limit(permit) == settings.WEB_BODY_BYTES
