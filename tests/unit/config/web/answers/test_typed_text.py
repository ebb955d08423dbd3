"""A form whose session has ended shows what was typed."""

import pytest
from django.test import Client

from tests.tickets import issue
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

TYPED = {"holder_name": "Ada <Lovelace>", "seat": "", "version": "1", "_save": "Save", "new_password1": "secret"}


@pytest.mark.parametrize(
    ("path", "log_in"),
    [("/tickets/{id}/correct/", "/log-in/"), ("/admin/tickets/ticket/{id}/correct/", "/admin/login/")],
)
def test_a_form_whose_session_has_ended_shows_what_was_typed(path: str, log_in: str) -> None:
    ticket = issue(holder_name="N")
    there = path.format(id=ticket.id)

    page = Client().post(there, TYPED)

    assert page.status_code == 403
    assert '<dt>Holder name</dt><dd dir="auto">Ada &lt;Lovelace&gt;</dd></dl>' in page.text
    assert f'href="{log_in}?next={there}" target="_blank"' in page.text
    assert "secret" not in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert Ticket.objects.get().holder_name == "N"


def test_a_form_from_before_a_log_in_shows_what_was_typed_on_a_page_of_ours() -> None:
    client = Client(enforce_csrf_checks=True)
    there = f"/tickets/{issue().id}/correct/"

    ours = client.post(there, {"holder_name": "Ada"}, headers={"Origin": "http://testserver"})
    theirs = client.post(there, {"holder_name": "Ada"}, headers={"Origin": "https://evil.example"})
    log_in = client.post("/log-in/", {"username": "ada"}, headers={"Origin": "http://testserver"})

    assert (ours.status_code, theirs.status_code, log_in.status_code) == (403, 403, 403)
    assert f'<a href="{there}" target="_blank" rel="noopener">Load the page again</a>' in ours.text
    assert '<dd dir="auto">Ada</dd>' in ours.text
    assert "Ada" not in theirs.text
    assert "ada" not in log_in.text


def test_nothing_typed_leads_to_the_log_in() -> None:
    assert Client().post("/admin/tickets/ticket/", {"action": "export"}).status_code == 302
    assert Client().get("/").status_code == 302


def test_a_log_in_is_not_shown_as_typed() -> None:
    assert "ada" not in Client().post("/log-in/code/?next=/", {"code": "123456", "username": "ada"}).text
