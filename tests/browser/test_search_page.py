"""Test the search page in a real browser."""

from collections.abc import Iterator
from threading import Event

import pytest
from django.core.signals import request_finished, request_started
from pytest_django import Settings
from selenium.webdriver import Keys

from tests.browser.visitor import PHONE, Visitor
from tests.waiting import PATIENCE_SECONDS


class Holdup:
    """Delays requests whose query contains a text until `let_go` is set."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.came, self.let_go, self.ended = Event(), Event(), Event()

    def started(self, environ: dict[str, str], **_: object) -> None:
        if self.text in environ["QUERY_STRING"]:
            self.came.set()
            self.let_go.wait(PATIENCE_SECONDS)
            request_finished.connect(self.finished)

    def finished(self, **_: object) -> None:
        self.ended.set()


@pytest.fixture
def holdup() -> Iterator[Holdup]:
    holdup = Holdup("q=zauber&")
    request_started.connect(holdup.started)
    yield holdup
    holdup.let_go.set()
    request_started.disconnect(holdup.started)
    request_finished.disconnect(holdup.finished)


def test_results_and_url_follow_the_typing(visitor: Visitor) -> None:
    visitor.open("/")
    assert visitor.text("#count") == "300 tickets"

    visitor.press(*"phil")  # the search field has the focus

    visitor.sees(lambda page: (page.text("#count"), page.parameters) == ("8 tickets", {"q": ["phil"]}))
    assert set(visitor.texts(".results mark")) == {"Phil"}
    assert visitor.chrome.title == "phil – Tickets"
    assert visitor.complaints() == []


def test_a_late_response_is_ignored(visitor: Visitor, holdup: Holdup) -> None:
    visitor.open("/?sort=price")

    visitor.retype("zauber")
    assert holdup.came.wait(PATIENCE_SECONDS)
    visitor.retype("weinberg")
    asked = {"q": ["weinberg"], "sort": ["price"]}
    visitor.sees(lambda page: (page.text("#count"), page.parameters) == ("4 tickets", asked))
    holdup.let_go.set()
    assert holdup.ended.wait(PATIENCE_SECONDS)

    assert visitor.text("#count") == "4 tickets"
    assert set(visitor.texts(".results mark")) == {"Weinberg"}
    assert visitor.parameters == asked


def test_filters_show_counts_and_work_by_click_by_url_and_by_the_back_button(visitor: Visitor) -> None:
    visitor.open("/?q=phil")
    visitor.click("#status-checked_in")
    visitor.sees(lambda page: page.text("#count") == "1 ticket")
    assert visitor.parameters == {"q": ["phil"], "status": ["checked_in"]}
    visitor.sees(lambda page: page.chrome.switch_to.active_element.get_attribute("id") == "status-checked_in")
    assert visitor.texts("#choices .dates + fieldset .number") == ["7", "1", "0"]

    visitor.open(f"/?{visitor.chrome.current_url.partition('?')[2]}")
    assert visitor.texts(".chip bdi") == ["Checked in"]
    visitor.click(".chip")
    visitor.sees(lambda page: page.text("#count") == "8 tickets")
    assert visitor.parameters == {"q": ["phil"]}

    visitor.chrome.back()
    visitor.sees(lambda page: page.text("#count") == "1 ticket")
    visitor.sees(lambda page: page.find("#status-checked_in").is_selected())
    assert visitor.complaints() == []


def test_paging_and_sorting_keep_the_search(visitor: Visitor) -> None:
    visitor.open("/?status=issued")
    visitor.click("[rel=next]")
    visitor.sees(lambda page: page.text("#count") == "271 tickets, page 2 of 11")
    assert visitor.parameters == {"status": ["issued"], "page": ["2"]}
    assert len(visitor.texts(".results li")) == 25

    visitor.find("select[name=sort]").send_keys("Highest")

    visitor.sees(lambda page: page.text("#count") == "271 tickets")
    assert visitor.parameters == {"status": ["issued"], "sort": ["-price"]}
    prices = [(currency, -float(price.replace(",", ""))) for currency, price in map(str.split, visitor.texts(".price"))]
    assert prices == sorted(prices)


def test_results_are_reached_by_keyboard_alone(visitor: Visitor) -> None:
    visitor.open("/?q=phil")
    second = visitor.chrome.find_elements("css selector", ".results a.title")[1].get_attribute("href")

    visitor.press("/")
    assert visitor.chrome.switch_to.active_element.get_attribute("id") == "q"
    visitor.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER)

    visitor.sees(lambda page: page.chrome.current_url == second)


def test_an_empty_result_offers_examples_and_a_search_without_filters(visitor: Visitor) -> None:
    visitor.open("/?q=phil&status=canceled")
    assert visitor.text("#count") == "No tickets"
    examples = visitor.texts(".examples a")
    assert len(examples) == len(set(examples)) == 8

    visitor.click("#found .notice a")
    visitor.sees(lambda page: page.text("#count") == "8 tickets")

    for example in examples[-3:]:  # a venue, a holder and a code
        visitor.open(f"/?q={example}")
        assert "ticket" in visitor.text("#count")
        assert visitor.text("#count") != "No tickets"


def test_the_search_works_without_javascript(visitor: Visitor) -> None:
    visitor.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        visitor.open("/")
        visitor.find("#q").send_keys("phil")
        visitor.click("#status-issued")
        visitor.click(".box button")

        visitor.sees(lambda page: page.text("#count") == "7 tickets")
        assert visitor.parameters == {"q": ["phil"], "status": ["issued"]}
        assert visitor.text(".results time") == "Sun, 14 Mar 2027, 11:00 CET (UTC+1)"
    finally:
        visitor.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_page_recovers_by_itself_when_elasticsearch_does(visitor: Visitor, settings: Settings) -> None:
    url = settings.ELASTICSEARCH_URL
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"
    visitor.open("/?q=phil")
    assert visitor.text("#found h2") == "The search does not answer"
    visitor.sees(lambda page: page.text("#freshness") == "Age unknown")

    settings.ELASTICSEARCH_URL = url

    visitor.sees(lambda page: page.text("#count") == "8 tickets")
    assert visitor.parameters == {"q": ["phil"]}


def test_pages_are_accessible_and_fit_a_phone(visitor: Visitor) -> None:
    visitor.resize(*PHONE)
    for path in ("/?q=phil&status=issued", "/?q=xyzzyx", "/lookup/?code=YQD5P4Q7"):
        visitor.open(path)

        assert visitor.violations() == [], path
        assert visitor.width == PHONE[0], path


def test_the_first_page_shows_what_is_coming_up(visitor: Visitor) -> None:
    visitor.open("/")
    shows = visitor.texts(".shows .title")

    assert visitor.text("#found h2") == "Coming up"
    assert len(shows) == 20
    assert all("Issued" in counts for counts in visitor.texts(".shows .counts"))
    visitor.click(".shows .title")
    visitor.sees(lambda page: page.texts(".chip bdi") != [])
    assert {visitor.text(".results a.title")} == {shows[0]}
    assert set(visitor.parameters) == {"q", "venue", "starts_from", "starts_to"}
    assert visitor.complaints() == []


def test_suggestions_are_chosen_by_keyboard(visitor: Visitor) -> None:
    visitor.open("/")
    visitor.press(*"phil")
    visitor.sees(lambda page: page.texts(".suggestions [role=option]"))
    assert visitor.find("#q").get_attribute("aria-expanded") == "true"
    assert visitor.violations() == []

    visitor.press(Keys.ARROW_DOWN)
    option = visitor.find("[aria-selected=true]")
    text = option.get_attribute("data-text")
    assert visitor.find("#q").get_attribute("aria-activedescendant") == option.get_attribute("id")
    visitor.press(Keys.ENTER)
    visitor.sees(lambda page: page.parameters == {"q": [text]})
    assert visitor.find("#q").get_attribute("value") == text
    assert not visitor.find("#suggestions").is_displayed()

    visitor.retype("wein")
    visitor.sees(lambda page: page.find("#suggestions").is_displayed())
    visitor.press(Keys.ESCAPE)
    assert not visitor.find("#suggestions").is_displayed()
    visitor.press(Keys.ARROW_DOWN)  # With the list closed, the key goes to the results.
    visitor.sees(lambda page: "title" in page.chrome.switch_to.active_element.get_attribute("class"))
    assert not any("Content Security Policy" in text for text in visitor.complaints())


def test_dates_and_further_venues_are_filters_that_stay(visitor: Visitor) -> None:
    visitor.open("/?starts_from=2027-03-01&starts_to=2027-03-31")
    found = visitor.text("#count")
    assert found not in {"300 tickets", "No tickets"}
    assert visitor.texts(".chip bdi") == ["from Mon, 1 Mar 2027", "to Wed, 31 Mar 2027"]

    visitor.click("#status-issued")
    visitor.sees(lambda page: len(page.texts(".chip bdi")) == 3)
    assert visitor.find("[name=starts_from]").get_attribute("value") == "2027-03-01"
    visitor.click(".clear")
    visitor.sees(lambda page: page.text("#count") == "300 tickets")

    visitor.find("#venue-q").send_keys("carneg")
    visitor.sees(lambda page: page.texts("#venues-found .label"))
    assert all("Carnegie" in venue for venue in visitor.texts("#venues-found .label"))
    venue = visitor.texts("#venues-found .label")[0]
    visitor.click("#venues-found input")
    visitor.sees(lambda page: page.texts(".chip bdi") == [venue])
    assert visitor.parameters == {"venue": [venue]}
    assert visitor.complaints() == []


def test_the_viewer_s_own_time_stands_beside_the_venue_s_where_it_differs(visitor: Visitor) -> None:
    visitor.open("/?q=carnegie&sort=starts_at")
    times = visitor.texts(".results .when p:first-child")

    assert times
    assert any("your time" in time for time in times)
    visitor.open("/?q=kölner&sort=starts_at")
    assert not any("your time" in time for time in visitor.texts(".results .when p:first-child"))
