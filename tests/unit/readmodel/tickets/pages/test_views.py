"""Test the web pages without a browser; tests/browser tests them in Chromium, on a real Elasticsearch."""

import json
from datetime import timedelta

import msgspec
import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.template import Context
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils import timezone
from pytest_django import Settings

from events import record, unit_of_work
from events.models import Checkpoint, LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.consistency.lag import lag_seconds
from readmodel.exceptions import InvalidSearch
from readmodel.tickets.pages.filter_options import filter_options_of
from readmodel.tickets.pages.labels import behind_in_words, label_of
from readmodel.tickets.pages.search_form import query_from, without_contradictions
from readmodel.tickets.search.facets import Bucket, Facet
from readmodel.tickets.search.search import Hit
from readmodel.tickets.templatetags.ticket_display import amount, highlighted, moment, ticket_address
from tests.permitted import permit
from tests.things import ThingMade
from tests.ticket_events import document
from tests.tickets import issue

TICKET = "/tickets/0198c0de-0000-7000-8000-000000000000/"
PAGES = ("/", TICKET, "/freshness/", "/lookup/")


@pytest.fixture
def viewer(client: Client) -> Client:
    return logged_in(client, "view_ticket")


def logged_in(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("ada")
    permit(user, *permissions)
    client.force_login(user)
    return client


@pytest.mark.django_db
class TestAccess:
    @pytest.mark.parametrize("path", PAGES)
    def test_an_anonymous_user_is_redirected_to_the_log_in_and_back(self, client: Client, path: str) -> None:
        response = client.get(f"{path}?q=a")

        assert response.status_code == 302
        assert response.headers["Location"] == f"/log-in/?next={path}%3Fq%3Da"

    @pytest.mark.parametrize("path", PAGES)
    def test_htmx_reloads_the_page_after_the_session_has_ended(self, client: Client, path: str) -> None:
        response = client.get(path, headers={"HX-Request": "true"})

        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["HX-Refresh"] == "true"

    @pytest.mark.parametrize("path", PAGES)
    def test_a_user_without_the_permission_sees_its_name(self, client: Client, path: str) -> None:
        response = logged_in(client, "add_ticket").get(path)

        assert response.status_code == 403
        assert "<code>tickets.view_ticket</code>" in response.text
        assert "readmodel/pages.css" in response.text

    @pytest.mark.parametrize("path", PAGES)
    def test_pages_load_nothing_from_elsewhere_run_nothing_inline_and_are_not_cached(
        self, viewer: Client, path: str
    ) -> None:
        response = viewer.get(path)

        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in policy
        assert "style=" not in response.text
        assert "<script>" not in response.text
        assert "no-store" in response.headers["Cache-Control"]

    @pytest.mark.parametrize("path", PAGES)
    def test_a_page_refuses_a_post(self, viewer: Client, path: str) -> None:
        assert viewer.post(path).status_code == 405

    def test_an_unknown_address_shows_a_page(self, client: Client) -> None:
        response = client.get("/nowhere/")

        assert response.status_code == 404
        assert "There is no page at this address." in response.text


@pytest.mark.django_db
class TestWithoutElasticsearch:
    def test_the_search_says_that_it_is_unavailable_and_offers_the_look_up(self, viewer: Client) -> None:
        response = viewer.get("/?q=a")

        assert response.status_code == 503
        assert "Elasticsearch can’t be reached." in response.text
        assert 'href="/lookup/"' in response.text
        assert 'value="a"' in response.text

    def test_a_ticket_can_be_looked_up_by_its_id(self, viewer: Client) -> None:
        response = viewer.get(TICKET)

        assert response.status_code == 503
        assert f'href="/lookup/?code={TICKET.split("/")[2]}"' in response.text

    @pytest.mark.parametrize(
        ("query", "address"),
        [
            ("", "/"),
            ("?search=q%3Drock%26status%3Dissued%26page%3D2", "/?q=rock&amp;status=issued&amp;page=2"),
            ("?search=//evil.example/%22%3E%3Cb%3E", "/?%2F%2Fevil.example%2F%22%3E%3Cb%3E="),
        ],
    )
    def test_a_ticket_leads_back_to_the_search_as_it_was(self, viewer: Client, query: str, address: str) -> None:
        shown = viewer.get(f"{TICKET}{query}").content.decode()

        assert f'<a href="{address}">← Search</a>' in shown
        assert f'hx-get="{TICKET}{"?search=" if query else ""}' in shown

    def test_a_ticket_that_is_shown_already_stays(self, viewer: Client) -> None:
        assert viewer.get(TICKET, headers={"HX-Request": "true"}).status_code == 204

    def test_the_lag_is_unknown(self, viewer: Client) -> None:
        assert "Age unknown" in viewer.get("/freshness/").text

    def test_an_invalid_search_is_explained(self, viewer: Client) -> None:
        response = viewer.get("/", {"q": "a " * 21, "sort": "<b>"})

        assert response.status_code == 400
        assert "The words: At most 20 words, not 21." in response.text
        assert "The order: &#x27;&lt;b&gt;&#x27; is not an order" in response.text


@pytest.mark.django_db
class TestLookup:
    @pytest.mark.parametrize("how", ["code", "small", "id"])
    def test_a_ticket_is_found_in_the_database(self, viewer: Client, how: str) -> None:
        ticket = issue(title="Fire & Ice")
        asked = {"code": ticket.code, "small": f" {ticket.code.lower()} ", "id": str(ticket.id)}[how]

        response = viewer.get("/lookup/", {"code": asked})

        assert "Fire &amp; Ice" in response.text
        assert f'href="/tickets/{ticket.id}/"' in response.text

    def test_a_void_ticket_leads_to_its_replacement_and_back(self, viewer: Client) -> None:
        ticket = issue()
        replacement = ticket.cancel()

        void, valid = (viewer.get("/lookup/", {"code": code}).text for code in (ticket.code, replacement.code))

        assert f'<a href="?code={replacement.code}">{replacement.code}</a> replaces it.' in void
        assert f'in place of <a href="?code={ticket.code}">{ticket.code}</a>.' in valid

    @pytest.mark.parametrize("asked", ["NONE", "%", "x" * 1000])
    def test_an_unknown_code_or_id_is_reported(self, viewer: Client, asked: str) -> None:
        issue()

        assert "No ticket has this code or id" in viewer.get("/lookup/", {"code": asked}).text


class TestQuery:
    def test_the_form_becomes_a_query(self) -> None:
        query = query_from(
            QueryDict("q=a&status=issued&status=&venue=X&venue=Y&month=2028-02&price=25-50 EUR&sort=price&page=3&utm=1")
        )

        assert (query.q, query.status, query.venue, query.sort, query.page) == ("a", ["issued"], ["X", "Y"], "price", 3)
        assert (query.starts_from, query.starts_to, query.time_zone) == ("2028-02-01", "2028-02-29", "")
        assert (str(query.price_min), str(query.price_max)) == ("25", "49.999")

    def test_the_last_range_of_prices_has_no_end(self) -> None:
        query = query_from(QueryDict("price=250- EUR"))

        assert (str(query.price_min), query.price_max) == ("250", None)

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("month=2028-13", "month"),
            ("month=2028-5", "month"),
            ("month=0000-01", "starts_from"),
            ("month=1899-12", "starts_from"),
            ("month=2201-01", "starts_from"),
            ("month=9999-12", "starts_from"),
            ("price=25-50", "price"),
            ("price=25- euro", "price"),
            ("page=-1", "page"),
            ("page=²", "page"),
            ("page=0", "page"),
            ("page=99999999999999999999", "page"),
            ("status=lost", "status"),
        ],
    )
    def test_an_invalid_parameter_is_named(self, text: str, name: str) -> None:
        with pytest.raises(InvalidSearch) as raised:
            query_from(QueryDict(text))

        assert name in raised.value.errors


class TestFilters:
    def test_a_chosen_value_without_hits_can_be_removed(self) -> None:
        found = filter_options_of("price", Facet([Bucket("50-100", 2)], currency="EUR"), QueryDict("price=25-50 EUR"))

        assert [(choice.value, choice.count, choice.is_chosen) for choice in found.choices] == [
            ("25-50 EUR", 0, True),
            ("50-100 EUR", 2, False),
        ]

    def test_choices_stay_in_place_whatever_further_filters_find(self) -> None:
        offered = [Bucket("X", 0), Bucket("Y", 3), Bucket("Z", 1)]

        found = filter_options_of("venue", Facet([Bucket("Y", 3), Bucket("W", 2)], 0, offered), QueryDict("venue=V"))

        assert [(choice.value, choice.count) for choice in found.choices] == [
            ("X", 0),
            ("Y", 3),
            ("Z", 1),
            ("W", 2),
            ("V", 0),
        ]

    def test_all_statuses_are_offered(self) -> None:
        found = filter_options_of("status", Facet([Bucket("canceled", 2)]), QueryDict())

        assert [(choice.value, choice.count) for choice in found.choices] == [
            ("issued", 0),
            ("checked_in", 0),
            ("canceled", 2),
        ]

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("price=25-50 EUR&currency=USD", "currency=USD"),
            ("price=25-50 EUR&currency=EUR", "price=25-50 EUR&currency=EUR"),
            ("price=25-50 EUR", "price=25-50 EUR"),
        ],
    )
    def test_a_price_in_another_currency_than_the_chosen_one_is_dropped(self, sent: str, kept: str) -> None:
        assert without_contradictions(QueryDict(sent)) == QueryDict(kept)

    def test_one_of_several_chosen_values_can_be_removed(self) -> None:
        facet = Facet([Bucket("X", 2), Bucket("Y", 1), Bucket("Z", 1)])

        found = filter_options_of("venue", facet, QueryDict("venue=X&venue=Y"))

        assert [choice.removed for choice in found.chosen] == [{"venue": ["Y"]}, {"venue": ["X"]}]


class TestDisplay:
    def test_a_link_to_a_ticket_keeps_the_search(self) -> None:
        request = RequestFactory().get("/?q=rock%20%26%20roll&page=2")
        request.resolver_match = resolve("/")

        shown = ticket_address(Context({"request": request}), TICKET.split("/")[2])

        assert shown == f"{TICKET}?search=q%3Drock%2B%2526%2Broll%26page%3D2"

    def test_an_address_adds_nothing_to_its_mailto_link(self) -> None:
        source = document(1, holder_email="victim?bcc=attacker&subject=x@evil.example").source

        shown = render_to_string("readmodel/facts.html", {"ticket": json.loads(msgspec.json.encode(source))})

        assert 'href="mailto:victim%3Fbcc%3Dattacker%26subject%3Dx@evil.example"' in shown

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("Rock &amp; <mark>Roll</mark>", "Rock &amp; <mark>Roll</mark>"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("&lt;mark&gt;x&lt;&#x2F;mark&gt;", "&lt;mark&gt;x&lt;/mark&gt;"),
            ("&amp;lt;", "&amp;lt;"),
        ],
    )
    def test_highlights_are_escaped_once_whatever_is_sent(self, sent: str, shown: str) -> None:
        assert highlighted(Hit({"title": "-"}, {"title": [sent]}), "title") == shown

    def test_a_field_that_did_not_match_is_escaped_too(self) -> None:
        assert highlighted(Hit({"title": "<b> & <mark>"}, {}), "title") == "&lt;b&gt; &amp; &lt;mark&gt;"

    @pytest.mark.parametrize(
        ("zone", "shown"),
        [
            ("Europe/Berlin", "Sat, 1 May 2027, 22:00 CEST (UTC+2)"),
            ("Asia/Kolkata", "Sun, 2 May 2027, 01:30 IST (UTC+5:30)"),
            ("America/Sao_Paulo", "Sat, 1 May 2027, 17:00 UTC−3"),
            ("UTC", "Sat, 1 May 2027, 20:00 UTC"),
            ("", "Sat, 1 May 2027, 20:00 UTC"),
            ("Mars/Olympus", "Sat, 1 May 2027, 20:00 UTC"),
        ],
    )
    def test_an_instant_is_shown_as_the_local_time_at_the_venue(self, zone: str, shown: str) -> None:
        expected = f'<time datetime="2027-05-01T20:00:00Z" data-zone="{zone or "UTC"}">{shown}</time>'
        assert moment("2027-05-01T20:00:00Z", zone) == expected

    def test_prices_are_grouped_and_have_their_currency_s_decimals(self) -> None:
        assert [amount(*price) for price in (("40000", "KRW"), ("1.250", "KWD"), ("1250.00", "EUR"))] == [
            "KRW\xa040,000",
            "KWD\xa01.250",
            "EUR\xa01,250.00",
        ]

    @pytest.mark.parametrize(
        ("facet", "value", "label"),
        [
            ("status", "checked_in", "Checked in"),
            ("month", "2027-05", "May 2027"),
            ("month", "10000-01", "10000-01"),
            ("price", "25-50 EUR", "25 to below 50 EUR"),
            ("price", "1000000- KRW", "1,000,000 KRW and more"),
            ("venue", "Arena", "Arena"),
        ],
    )
    def test_values_have_labels(self, facet: str, value: str, label: str) -> None:
        assert label_of(facet, value) == label

    @pytest.mark.parametrize(
        ("seconds", "words"), [(0, "Up to date"), (3.4, "3 s behind"), (7200, "120 minutes behind")]
    )
    def test_the_lag_is_shown_in_seconds(self, seconds: float, words: str) -> None:
        assert behind_in_words(seconds) == words


@pytest.mark.django_db
class TestFreshness:
    def made(self, stream: Stream, ages: list[int]) -> None:
        with unit_of_work():
            record(*(ThingMade(name=f"thing-{age}") for age in ages))
        for entry, age in zip(LogEntry.objects.order_by("id"), ages, strict=True):
            LogEntry.objects.filter(id=entry.id).update(time=timezone.now() - timedelta(seconds=age))
        relay.sweep(stream, 0)

    def test_the_lag_is_the_age_of_the_next_event(self, stream: Stream) -> None:
        self.made(stream, [90, 60, 30])
        Checkpoint.objects.create(group="readmodel", target="searched", partition=0, position=1)
        Checkpoint.objects.create(group="readmodel", target="kept", partition=0, position=3)
        Checkpoint.objects.create(group="access", target="searched", partition=0, position=3)

        assert lag_seconds("searched") == pytest.approx(60, abs=5)

    def test_a_new_index_lacks_all_events(self, stream: Stream) -> None:
        self.made(stream, [90, 60])

        assert lag_seconds("new") == pytest.approx(90, abs=5)

    def test_the_lag_is_0_at_the_end_of_the_log(self, stream: Stream) -> None:
        self.made(stream, [90])
        Checkpoint.objects.create(group="readmodel", target="searched", partition=0, position=1)

        assert lag_seconds("searched") == 0

    def test_an_event_without_a_position_counts_too(self, settings: Settings) -> None:
        settings.EVENTS_FLUSH_ON_COMMIT = False
        with unit_of_work():
            record(ThingMade(name="thing"))
        LogEntry.objects.update(time=timezone.now() - timedelta(seconds=40))

        assert lag_seconds("searched") == pytest.approx(40, abs=5)
