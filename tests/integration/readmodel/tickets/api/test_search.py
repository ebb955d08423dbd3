"""The search over REST, on a real Elasticsearch."""

from itertools import product
from typing import Any
from unittest.mock import ANY
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from elasticsearch import Elasticsearch
from pytest_django import Settings
from rest_framework.test import APIClient

from readmodel.index.document_index import shared_index
from readmodel.search.cursor import Cursor, read
from readmodel.search.folding import fold
from readmodel.tickets.api.serializers import SearchHitSerializer
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.search.query import SearchQuery
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.network.search_server import answering
from tests.ticket_events import document

PATH = "/api/search/tickets/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> User:
    user = User.objects.create_user("viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_ticket"))
    return user


@pytest.fixture
def api(viewer: User) -> APIClient:
    client = APIClient()
    client.force_login(viewer)
    return client


def test_answers_a_page_of_documents_with_highlights(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({"title": "Kafka <Night>", "price": "12.50"}, {"title": "Kafka Day"}, {"title": "Other"})

    answer = api.get(PATH, {"q": "kafka night", "status": "issued"})

    assert answer.status_code == 200
    body = answer.json()
    [result] = body.pop("results")
    assert body == {"count": 1, "next": None, "previous": None, "facets": {}}
    assert (result["title"], result["price"]) == ("Kafka <Night>", "12.50")
    assert result["highlights"] == {"title": ["<mark>Kafka</mark> &lt;<mark>Night</mark>&gt;"]}
    assert set(result) == set(SearchHitSerializer().fields)


def test_empty_parameters_count_as_absent(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({}, {"status": "canceled"})

    assert api.get(PATH, {"q": "", "status": ""}).json()["count"] == 2


def test_links_lead_to_the_next_and_the_previous_page_of_the_same_search(api: APIClient, shelf: Shelf) -> None:
    shelf.hold(*({"title": f"Kafka {number}"} for number in range(5)))

    middle = api.get(PATH, {"q": "kafka", "page_size": 2, "page": 2}).json()

    assert middle["next"] == f"http://testserver{PATH}?page=3&page_size=2&q=kafka"
    assert api.get(middle["next"]).json()["next"] is None
    assert api.get(middle["previous"]).json()["previous"] is None


def test_a_page_beyond_the_last_is_not_found(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({})

    answer = api.get(PATH, {"page": 2})

    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no page 2: the number of tickets found is 1."


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("q", "x" * 201, "Ensure this field has no more than 200 characters."),
        ("q", "\x00", "This has U+0000, or bytes that are not UTF-8."),
        ("q", "a " * 21, "At most 20 words, not 21."),
        ("status", "lost", "'lost' is not a status; use issued, checked_in, canceled."),
        ("venue", "x" * 201, "At most 200 characters each."),
        ("starts_from", "soon", "Give a date such as 2027-05-01, or an instant with its zone"),
        ("starts_to", "2027-05-01T20:00:00", "Give a date such as 2027-05-01, or an instant with its zone"),
        ("time_zone", "Mars/Olympus", "'Mars/Olympus' is not a time zone"),
        ("price_min", "cheap", "A valid number is required."),
        ("price_max", "-1", "Ensure this value is greater than or equal to 0."),
        ("price_max", "1e1", "A valid number is required."),
        ("currency", "euro", "Must be three capital letters such as EUR."),
        ("sort", "beauty", '"beauty" is not a valid choice.'),
        ("fields", "title,folded", "'folded' is not a member of a ticket; use id, code"),
        ("facets", "seat", "'seat' is not a facet; use status, venue, month, price, currency."),
        ("cursor", "made-up", "This is not a cursor of this service; start again with an empty one."),
        ("colour", "red", "This parameter is unknown; use one of "),
        ("page", "one", "A valid integer is required."),
        ("page", "0", "Ensure this value is greater than or equal to 1."),
        ("page", "401", "Must be from 1 to 400, not 401: only the first 10,000 hits have numbered pages."),
        ("page_size", "101", "Ensure this value is less than or equal to 100."),
    ],
)
def test_an_invalid_parameter_is_named(api: APIClient, parameter: str, value: str, message: str) -> None:
    answer = api.get(PATH, {parameter: value})

    assert answer.status_code == 400
    [said] = answer.json()["errors"][parameter]
    assert said.startswith(message)


@pytest.mark.django_db(transaction=True)
def test_all_invalid_parameters_are_named_at_once(api: APIClient) -> None:
    answer = api.get(PATH, {"page": "one", "price_min": "x", "price_max": "y"})

    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"].keys() == {"page", "price_min", "price_max"}
    unknown = api.get(f"{PATH}?colour=red&size=9&page=1&page=2")
    assert unknown.json()["errors"].keys() == {"colour", "size", "page"}
    combined = api.get(f"{PATH}?starts_from=2027-02-30&currency=x&venue={'v' * 201}&fields=a")
    assert combined.json()["errors"].keys() == {"starts_from", "currency", "venue", "fields"}


def test_a_repeated_parameter_is_refused_unless_it_is_a_list(api: APIClient, shelf: Shelf) -> None:
    answer = api.get(f"{PATH}?q=a&q=b&status=issued&status=canceled")

    assert answer.json()["errors"] == {"q": ["Give this parameter only once."]}


HOSTILE = [
    "x" * 10_000,
    '("' * 2_000,
    "[[{{((" * 33,
    "*" * 200,
    "?*" * 100,
    "/.*.*.*.*x/",
    "a~2 " * 20,
    "\\" * 100,
    "\x1b[31m\x07\r\n",
    "\u202e\u200b\ufeff",
    "\U0010ffff" * 200,
    "o\u0308" * 100,
    "\ufdfa" * 200,
    "' OR 1=1 --",
    '{"match_all":{}}',
    "title:* AND _id:*",
    "${jndi:ldap://x}",
]


@pytest.mark.django_db(transaction=True)
def test_hostile_words_are_answered_or_refused(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({})

    for path, q in product((PATH, f"{PATH}suggestions/"), HOSTILE):
        answer = api.get(f"{path}?q={quote(q, errors='surrogatepass')}")

        limit = 100 if "suggestions" in path else 200
        assert (answer.status_code, q, path) == (400 if max(len(q), len(fold(q))) > limit else 200, q, path)


@pytest.mark.django_db(transaction=True)
def test_hostile_parameters_are_answered_or_refused(api: APIClient, shelf: Shelf) -> None:
    parameters = (
        "q",
        "status",
        "venue",
        "starts_from",
        "time_zone",
        "currency",
        "cursor",
        "fields",
        "page",
        "price_min",
    )
    values = ("\x00", "\x00" * 500, "\ud800", "../../etc/passwd", "9" * 5_000, "0001-01-01", "9999-12-31", "NaN", "٣")

    for parameter, value in product(parameters, values):
        answer = api.get(f"{PATH}?{parameter}={quote(value, errors='surrogatepass')}")

        assert answer.status_code == 200 or (answer.status_code in {400, 404}, parameter, value) == (
            True,
            parameter,
            value,
        )
        assert answer.status_code != 400 or parameter in answer.json()["errors"]


def test_only_some_unknown_parameters_are_named(api: APIClient) -> None:
    answer = api.get(f"{PATH}?{'&'.join(f'a{number}=1' for number in range(900))}")

    assert (answer.status_code, len(answer.json()["errors"])) == (400, 10)


def test_members_and_facets_are_chosen(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({"title": "Kafka", "price": "12.50"})

    body = api.get(PATH, {"fields": "title,price", "facets": "status"}).json()

    assert body["results"] == [{"title": "Kafka", "price": "12.50"}]
    assert body["facets"] == {"status": {"buckets": [{"value": "issued", "count": 1}], "others": 0}}
    assert api.get(PATH, {"q": "kafka", "fields": "highlights"}).json()["results"] == [
        {"highlights": {"title": ["<mark>Kafka</mark>"]}}
    ]


def test_filters_narrow_a_search(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({"title": "a", "venue": "A, B"}, {"title": "b", "venue": "C"}, {"title": "c", "status": "canceled"})

    several = api.get(f"{PATH}?venue=A,+B&venue=C&sort=-starts_at&status=issued,canceled&fields=title")

    assert sorted(result["title"] for result in several.json()["results"]) == ["a", "b"]


class TestCursor:
    def test_a_cursor_leads_to_all_tickets_as_they_were(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold(*({"title": f"Kafka {number}", "code": f"A{number}"} for number in range(5)))

        first = api.get(PATH, {"q": "kafka", "page_size": 2, "cursor": "", "facets": "status", "sort": "-price"}).json()
        shelf.hold(*({"title": "Changed", "version": 2} for _ in range(9)))
        second, again = api.get(first["next"]).json(), api.get(first["next"]).json()
        third = api.get(second["next"]).json()

        titles = [result["title"] for page in (first, second, third) for result in page["results"]]
        assert sorted(titles) == [f"Kafka {number}" for number in range(5)]
        assert (first["count"], second["count"], third["next"], second["previous"]) == (5, 5, None, None)
        assert (first["facets"].keys(), second["facets"]) == ({"status"}, {})
        assert again == second | {"next": ANY}

    def test_an_expired_cursor_is_gone(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({}, {})
        following = api.get(PATH, {"page_size": 1, "cursor": ""}).json()["next"]
        token = parse_qs(urlsplit(following).query)["cursor"][0]
        shared_index(TicketDocuments).close_point_in_time(read(token, Cursor[SearchQuery]).point_in_time)

        answer = api.get(following)

        assert (answer.status_code, answer["Content-Type"]) == (410, "application/problem+json")
        assert "Start again, with an empty cursor" in answer.json()["detail"]

    def test_a_cursor_of_a_deleted_index_has_expired(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({}, {})
        following = api.get(PATH, {"page_size": 1, "cursor": ""}).json()["next"]
        shelf.elasticsearch.indices.delete(index=shelf.target.name)

        assert api.get(following).status_code == 410

    @pytest.mark.django_db(transaction=True)
    def test_a_changed_cursor_is_refused(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({}, {})
        following = api.get(PATH, {"page_size": 1, "cursor": ""}).json()["next"]

        for changed in (following[:-1], following + "A", following.replace("cursor=", "cursor=A")):
            assert api.get(changed).status_code == 400

    @pytest.mark.django_db(transaction=True)
    def test_a_cursor_excludes_other_parameters_and_page_numbers(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({}, {})
        following = api.get(PATH, {"page_size": 1, "cursor": ""}).json()["next"]

        assert api.get(f"{following}&q=x").json()["errors"].keys() == {"q"}
        assert api.get(PATH, {"cursor": "", "page": 1}).json()["errors"].keys() == {"page"}

    def test_a_search_of_one_page_keeps_no_point_in_time(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({}, {})
        before = open_contexts(shelf)

        assert api.get(PATH, {"cursor": ""}).json()["next"] is None
        assert open_contexts(shelf) == before

    def test_the_last_page_lets_elasticsearch_forget_the_state(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({}, {})
        before = open_contexts(shelf)
        following = api.get(PATH, {"page_size": 1, "cursor": ""}).json()["next"]

        assert open_contexts(shelf) > before
        assert api.get(following).json()["next"] is None
        assert open_contexts(shelf) == before
        assert api.get(following).status_code == 410

    @pytest.mark.django_db(transaction=True)
    def test_a_user_follows_only_so_many_cursors_at_once(
        self, api: APIClient, shelf: Shelf, settings: Settings, django_user_model: type[User]
    ) -> None:
        settings.READMODEL_CURSORS_PER_USER = 2
        shelf.hold({}, {})
        first, second, refused = (api.get(PATH, {"page_size": 1, "cursor": ""}) for _ in range(3))

        assert (refused.status_code, refused.json()["type"]) == (429, "urn:problem:too-many-cursors")
        assert refused["Retry-After"] == "120"
        other = APIClient()
        other.force_authenticate(django_user_model.objects.create_superuser("other"))
        assert other.get(PATH, {"page_size": 1, "cursor": ""}).status_code == 200

        api.get(first.json()["next"])
        assert api.get(PATH, {"page_size": 1, "cursor": ""}).status_code == 200
        assert api.get(second.json()["next"]).status_code == 200

    def test_a_cursor_leads_beyond_the_numbered_pages(self, api: APIClient, shelf: Shelf) -> None:
        for start in range(0, 10_050, 5_025):
            shelf.index.documents(shelf.target).write([document(number) for number in range(start, start + 5_025)])
        shelf.elasticsearch.indices.refresh(index=shelf.target.name)

        page = api.get(PATH, {"q": "kafka", "page_size": 100, "cursor": "", "fields": "id"}).json()
        ids = [result["id"] for result in page["results"]]
        while page["next"]:
            page = api.get(page["next"]).json()
            ids += [result["id"] for result in page["results"]]

        assert len(ids) == len(set(ids)) == 10_050


def open_contexts(shelf: Shelf) -> int:
    stats = shelf.elasticsearch.indices.stats(index=shelf.target.name, metric="search")
    return int(stats["indices"][shelf.target.name]["total"]["search"]["open_contexts"])


def test_an_anonymous_request_is_refused(shelf: Shelf) -> None:
    assert APIClient().get(PATH).status_code == 401


def test_the_permission_to_view_tickets_is_required(api: APIClient, viewer: User, shelf: Shelf) -> None:
    viewer.user_permissions.clear()

    assert api.get(PATH).status_code == 403


def test_the_search_is_unavailable_while_elasticsearch_is_down(api: APIClient, settings: Any) -> None:
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"

    answer = api.get(PATH, {"q": "kafka"})

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["detail"].startswith("The search does not answer now;")


def test_a_closed_index_is_temporarily_unavailable(api: APIClient, shelf: Shelf) -> None:
    shelf.elasticsearch.indices.close(index=shelf.target.name)

    assert api.get(PATH, {"q": "kafka"}).status_code == 503


def test_a_search_that_the_cluster_does_not_allow_is_the_operators_problem(api: APIClient, settings: Any) -> None:
    with answering(refuses=True) as server:
        settings.ELASTICSEARCH_URL = f"http://127.0.0.1:{server.server_port}"

        answer = api.get(PATH, {"q": "kafka"})

    assert answer.status_code == 503
    assert "an operator must set search.allow_expensive_queries to true" in answer.json()["detail"]


def test_the_search_is_unavailable_without_an_index(api: APIClient, elasticsearch: Elasticsearch) -> None:
    assert api.get(PATH, {"q": "kafka"}).status_code == 503


@pytest.mark.django_db(transaction=True)
def test_a_search_opens_no_transaction(api: APIClient, shelf: Shelf) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert api.get(PATH).status_code == 200

    assert not [query for query in queries if query["sql"].startswith("BEGIN")]
