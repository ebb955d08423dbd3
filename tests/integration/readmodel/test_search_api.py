"""The search over REST, on a real Elasticsearch."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from elasticsearch import Elasticsearch
from rest_framework.test import APIClient

from readmodel.serializers import SearchHitSerializer
from tests.integration.readmodel.shelf import Shelf

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
    assert body == {"count": 1, "next": None, "previous": None}
    assert (result["title"], result["price"]) == ("Kafka <Night>", "12.50")
    assert result["highlights"] == {"title": ["<mark>Kafka</mark> &lt;<mark>Night</mark>&gt;"]}
    assert set(result) == set(SearchHitSerializer().fields)


def test_empty_parameters_mean_nothing(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({}, {"status": "canceled"})

    assert api.get(PATH, {"q": "", "status": ""}).json()["count"] == 2


def test_links_lead_to_the_neighbours_with_the_same_search(api: APIClient, shelf: Shelf) -> None:
    shelf.hold(*({"title": f"Kafka {number}"} for number in range(5)))

    middle = api.get(PATH, {"q": "kafka", "page_size": 2, "page": 2}).json()

    assert middle["next"] == f"http://testserver{PATH}?page=3&page_size=2&q=kafka"
    assert api.get(middle["next"]).json()["next"] is None
    assert api.get(middle["previous"]).json()["previous"] is None


def test_page_beyond_the_last_is_not_found(api: APIClient, shelf: Shelf) -> None:
    shelf.hold({})

    answer = api.get(PATH, {"page": 2})

    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no page 2 of 1 tickets."


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("q", "x" * 201, "Ensure this field has no more than 200 characters."),
        ("q", "\x00", "Null characters are not allowed."),
        ("status", "lost", '"lost" is not a valid choice.'),
        ("page", "one", "A valid integer is required."),
        ("page", "0", "Ensure this value is greater than or equal to 1."),
        ("page", "401", "From 1 to 400, not 401: only the first 10,000 hits can be paged through."),
        ("page_size", "101", "Ensure this value is less than or equal to 100."),
    ],
)
def test_parameter_that_does_not_fit_is_named(api: APIClient, parameter: str, value: str, message: str) -> None:
    answer = api.get(PATH, {parameter: value})

    assert answer.status_code == 400
    [said] = answer.json()["errors"][parameter]
    assert said.startswith(message)


def test_strangers_are_asked_who_they_are(shelf: Shelf) -> None:
    assert APIClient().get(PATH).status_code == 401


def test_viewing_tickets_must_be_permitted(api: APIClient, viewer: User, shelf: Shelf) -> None:
    viewer.user_permissions.clear()

    assert api.get(PATH).status_code == 403


def test_server_that_does_not_answer_is_temporarily_unavailable(api: APIClient, settings: Any) -> None:
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"

    answer = api.get(PATH, {"q": "kafka"})

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["detail"].startswith("The search does not answer now.")


def test_search_before_there_is_an_index_is_temporarily_unavailable(
    api: APIClient, elasticsearch: Elasticsearch
) -> None:
    assert api.get(PATH, {"q": "kafka"}).status_code == 503


@pytest.mark.django_db(transaction=True)
def test_search_opens_no_transaction(api: APIClient, shelf: Shelf) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert api.get(PATH).status_code == 200

    assert not [query for query in queries if query["sql"].startswith("BEGIN")]
