"""The language of an answer: chosen by the person, else by the browser; REST keeps to English."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import translation

from tickets.values import written

LOG_IN = "/log-in/"
EVENING = datetime(2027, 5, 1, 20, 0, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de-at"),
        ("en-US,en;q=0.5", "en-us"),
        ("fr-FR, de;q=0.5", "de"),
        ("ar", "en"),
        ("de-XX", "de"),
        (",;q=x", "en"),
    ],
)
def test_the_browser_s_language_is_used_with_a_region_that_is_known(client: Client, asked: str, language: str) -> None:
    response = client.get(LOG_IN, headers={"Accept-Language": asked})

    assert response["Content-Language"] == language
    assert ("Anmelden" in response.text) == language.startswith("de")
    assert {"Accept-Language", "Cookie"} <= set(response["Vary"].split(", "))
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/?q=phil&status=issued", "http://testserver/?q=phil&status=issued"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("", "/"),
    ],
)
def test_a_chosen_language_stays_and_leads_back_to_the_same_page(client: Client, came_from: str, leads_to: str) -> None:
    answer = client.post("/language/", {"language": "de"}, headers={"Referer": came_from})

    assert (answer.status_code, answer["Location"]) == (302, leads_to)
    cookie = answer.cookies["django_language"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 365 * 24 * 3600)
    assert client.get(LOG_IN, headers={"Accept-Language": "en"})["Content-Language"] == "de"
    assert client.get("/language/").status_code == 405
    for refused in ({"language": "xx"}, {"language": "de", "next": "https://evil.example/"}):
        assert client.post("/language/", refused)["Location"] == "/"


def test_rest_is_in_english(client: Client) -> None:
    german = {"Accept-Language": "de"}

    assert client.get("/api/nowhere/", headers=german).json()["detail"].startswith("There is nothing at")
    assert "Seite nicht gefunden" in client.get("/nowhere/", headers=german).text


@pytest.mark.parametrize(
    ("language", "time", "price", "number"),
    [
        ("en", "Sat, 1 May 2027, 20:00 CEST (UTC+2)", "EUR\xa01,234.50", "1,234,567"),
        ("en-us", "Sat, May 1, 2027, 8:00\u202fPM CEST (UTC+2)", "EUR\xa01,234.50", "1,234,567"),
        ("de", "Sa., 1. Mai 2027, 20:00 Uhr CEST (UTC+2)", "1.234,50\xa0EUR", "1.234.567"),
        ("de-at", "Sa., 1. Mai 2027, 20:00 Uhr CEST (UTC+2)", "EUR\xa01.234,50", "1.234.567"),
    ],
)
def test_values_are_written_as_the_region_does(language: str, time: str, price: str, number: str) -> None:
    with translation.override(language):
        assert written.moment(EVENING) == time
        assert written.price(Decimal("1234.5"), "EUR") == price
        assert written.number(1_234_567) == number
        assert written.price(Decimal(1000), "JPY").strip("JPY\xa0") == f"1{number[1]}000"
