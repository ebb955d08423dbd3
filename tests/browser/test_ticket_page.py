"""Test the page of a ticket in a real browser while events arrive."""

import pytest
from selenium.webdriver import ActionChains

from events.stream.interface import Stream
from tests.browser.sample import ReadModel
from tests.browser.visitor import PHONE, Visitor
from tests.tickets import issue
from tickets.models import Ticket


@pytest.fixture
def ticket(visitor: Visitor, read_model: ReadModel, stream: Stream) -> Ticket:
    ticket = issue(title="Tea & <b>Cake</b>", time_zone="Asia/Tokyo")
    read_model.project()
    visitor.open(f"/tickets/{ticket.id}/")
    return ticket


def test_the_page_shows_the_ticket_and_its_timeline(visitor: Visitor, ticket: Ticket) -> None:
    assert visitor.text("h1") == "Tea & <b>Cake</b>"
    assert visitor.texts(".timeline h3") == ["Issued version 1"]
    assert visitor.text(".facts time") == "Sun, 2 May 2027, 05:00 JST (UTC+9)"
    assert visitor.complaints() == []


def test_an_event_appears_when_it_arrives(visitor: Visitor, ticket: Ticket, read_model: ReadModel) -> None:
    replacement = ticket.cancel()
    read_model.project()

    visitor.sees(lambda page: page.texts(".timeline h3") == ["Canceled version 2", "Issued version 1"])
    visitor.sees(lambda page: page.text("#news") == "Canceled, version 2")
    visitor.sees(lambda page: page.text(".facts .status") == "Canceled")
    visitor.click("#replacement")
    visitor.sees(lambda page: page.path == f"/tickets/{replacement.id}/")
    visitor.sees(lambda page: page.text(".facts .code") == replacement.code)
    visitor.click("#replaced")
    visitor.sees(lambda page: page.path == f"/tickets/{ticket.id}/")
    assert visitor.complaints() == []


@pytest.mark.parametrize("path", ["/tickets/{id}/cancel/", "/admin/tickets/ticket/{id}/cancel/"])
def test_a_double_click_cancels_a_ticket_once_and_shows_the_result(visitor: Visitor, ticket: Ticket, path: str) -> None:
    visitor.open(path.format(id=ticket.id))
    button = visitor.find("main form button:not([type=button]), form#change button")

    ActionChains(visitor.chrome).double_click(button).perform()

    visitor.sees(lambda page: not page.path.endswith("/cancel/"))
    assert Ticket.objects.count() == 2


def test_the_page_does_not_change_without_a_new_event(visitor: Visitor, ticket: Ticket) -> None:
    visitor.chrome.execute_script(
        "window.answers = []; document.getElementById('history').same = true;"
        "document.body.addEventListener('htmx:afterRequest', e => answers.push(e.detail.xhr.status))"
    )

    visitor.sees(lambda page: 304 in page.chrome.execute_script("return answers"))

    assert visitor.chrome.execute_script("return document.getElementById('history').same") is True


def test_a_ticket_that_is_not_projected_yet_appears_later(
    visitor: Visitor, ticket: Ticket, read_model: ReadModel
) -> None:
    late = issue()
    visitor.open(f"/tickets/{late.id}/")
    assert visitor.text("h1") == "No such ticket"

    read_model.project()

    visitor.sees(lambda page: page.text("h1") == late.title)


def test_the_badge_shows_how_far_the_read_model_is_behind(
    visitor: Visitor, ticket: Ticket, read_model: ReadModel
) -> None:
    visitor.sees(lambda page: page.text("#freshness") == "Up to date")
    ticket.check_in()
    visitor.sees(lambda page: page.text("#freshness").endswith(" s behind"))

    read_model.project()
    visitor.sees(lambda page: page.text("#freshness") == "Up to date")


def test_the_ticket_page_is_accessible_and_fits_a_phone(
    visitor: Visitor, ticket: Ticket, read_model: ReadModel
) -> None:
    ticket.cancel()
    read_model.project()
    visitor.resize(*PHONE)

    visitor.open(f"/tickets/{ticket.id}/")

    assert visitor.violations() == []
    assert visitor.width == PHONE[0]
