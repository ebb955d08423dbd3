"""The page of a ticket follows the ticket's events by a stream of the real web server, and changes the ticket."""

from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings
from selenium.webdriver import Chrome

from events.consistency_token import read_token
from events.stream.interface import Stream
from tests.browser.sample import ReadModel
from tests.browser.visitor import PHONE, Visitor
from tests.network.feed_server import SETTINGS, Server, serving
from tests.processes import start
from tests.tickets import issue
from tickets.models import Ticket


@pytest.fixture(scope="module")
def server(django_db_setup: None, read_model: ReadModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = str(tmp_path_factory.mktemp("static"))
    assert start("manage.py", "collectstatic", "--no-input", "--verbosity", "0", STATIC_ROOT=folder).wait() == 0
    with serving(DJANGO_SETTINGS_MODULE=SETTINGS, STATIC_ROOT=folder, HTTPS_ONLY="false") as server:
        yield server


@pytest.fixture
def clerk(transactional_db: None, settings: Settings) -> Client:
    settings.READMODEL_AUDIT_PER_SECOND = 0  # It would remove the sample documents, which have no events.
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def visitor(chrome: Chrome, server: Server, clerk: Client, stream: Stream) -> Visitor:
    visitor = Visitor(chrome, server.url)
    visitor.log_in(clerk.cookies["sessionid"].value)
    return visitor


@pytest.fixture
def ticket(visitor: Visitor, read_model: ReadModel) -> Ticket:
    ticket = issue(title="حفلة موسيقية 2027", holder_name="نجيب محفوظ", time_zone="Africa/Cairo")
    read_model.project()
    visitor.open(f"/tickets/{ticket.id}/?search=q%3Dphil")
    visitor.sees(lambda page: page.text("#live").startswith("Live"))
    return ticket


def test_the_page_moves_with_the_event_and_asks_for_nothing_in_between(
    visitor: Visitor, ticket: Ticket, read_model: ReadModel
) -> None:
    visitor.chrome.execute_script(
        "window.asked = 0; document.body.addEventListener('htmx:beforeRequest', "
        "event => { if (event.detail.elt.id === 'history') asked += 1; })"
    )
    ticket.cancel()
    read_model.project()

    visitor.sees(lambda page: page.texts(".timeline h3") == ["Canceled version 2", "Issued version 1"])
    visitor.sees(lambda page: page.text("#news") == "Canceled, version 2")
    assert visitor.chrome.execute_script("return asked") <= 3
    assert visitor.complaints() == []


def test_a_ticket_is_canceled_on_its_page_which_then_shows_it(
    visitor: Visitor, ticket: Ticket, read_model: ReadModel
) -> None:
    visitor.click("#void")
    visitor.find("#id_reason").send_keys("Verkauft")
    assert visitor.violations() == []
    visitor.click(".change button")
    visitor.sees(lambda page: page.path == f"/tickets/{ticket.id}/")
    read_model.project()

    visitor.sees(lambda page: page.text(".facts .status") == "Canceled")
    assert visitor.text(".notice.success") == f"Ticket {ticket.code} is canceled, without a replacement."
    assert visitor.parameters["search"] == ["q=phil"]
    visitor.sees(lambda page: page.texts(".timeline .reason") == ["Verkauft"])
    assert visitor.complaints() == []


def test_who_was_slower_keeps_what_was_typed(visitor: Visitor, ticket: Ticket) -> None:
    visitor.resize(*PHONE)
    visitor.click("#correct")
    visitor.find("#id_seat").clear()
    visitor.find("#id_seat").send_keys("B7")
    ticket.update(holder_name="Bob")
    visitor.click(".change button")

    visitor.sees(lambda page: page.text("#faster h2") == "Somebody else was faster")
    assert visitor.find("#id_seat").get_attribute("value") == "B7"
    assert visitor.violations() == []
    assert visitor.width == PHONE[0]
    visitor.click(".change button")
    visitor.sees(lambda page: page.path == f"/tickets/{ticket.id}/")
    assert Ticket.objects.get(id=ticket.id).seat == "B7"


def test_a_stream_needs_the_permission_and_ends_with_the_log_in(server: Server, clerk: Client, ticket: Ticket) -> None:
    url = f"{server.url}/tickets/{ticket.id}/live/"
    assert httpx.get(url).status_code == HTTPStatus.FORBIDDEN
    cookies = {"sessionid": clerk.cookies["sessionid"].value}
    with httpx.stream("GET", url, cookies=cookies, timeout=30) as stream:
        assert (stream.headers["content-type"], stream.headers["x-accel-buffering"]) == ("text/event-stream", "no")
        lines = stream.iter_lines()
        newest = next(line for line in lines if line.startswith("data: "))
        last_id = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        ticket.check_in()
        token = next(line for line in lines if line.startswith("data: "))
        assert read_token(token.removeprefix("data: ")).events == (("ticket.checked_in", str(ticket.id), 2),)
        assert token != newest
        Session.objects.all().delete()
        assert not any(line.startswith("data: ") for line in lines)  # It ends.
    clerk.force_login(User.objects.get())
    cookies = {"sessionid": clerk.cookies["sessionid"].value}
    again = {"Last-Event-ID": last_id}
    with httpx.stream("GET", url, cookies=cookies, headers=again, timeout=30) as stream:
        assert next(line for line in stream.iter_lines() if line.startswith("data: ")) != ""
