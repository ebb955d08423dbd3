"""Suggest texts while the user types, on a real Elasticsearch."""

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from events.exceptions import TargetLost
from readmodel.tickets.search.suggestions import suggest
from tests.integration.readmodel.tickets.shelf import Shelf

PATH = "/api/search/tickets/suggestions/"


def suggested(typed: str) -> list[tuple[str, str]]:
    return [(suggestion.field, suggestion.text) for suggestion in suggest(typed)]


def test_titles_venues_holders_and_codes_are_suggested_in_turns(shelf: Shelf) -> None:
    shelf.hold(
        {"title": "Kafka Night", "venue": "Kafka Hall", "holder_name": "Franz Kafka", "code": "KAF2"},
        {"title": "Kafka Day", "venue": "Other", "holder_name": "Ada", "code": "KAF1"},
        {"title": "Night", "venue": "Hall", "holder_name": "Ada", "code": "X"},
    )

    assert suggested("kaf") == [
        ("title", "Kafka Day"),
        ("venue", "Kafka Hall"),
        ("holder_name", "Franz Kafka"),
        ("code", "KAF1"),
        ("title", "Kafka Night"),
        ("code", "KAF2"),
    ]


def test_texts_that_begin_with_the_typed_text_come_first_then_frequent_ones(shelf: Shelf) -> None:
    shelf.hold(
        *({"title": "Great Kafka"} for _ in range(3)),
        *({"title": "The Kafka"} for _ in range(2)),
        {"title": "Kafka"},
        {"title": "A Kafka"},
    )

    assert suggested("kafk") == [
        ("title", "Kafka"),
        ("title", "Great Kafka"),
        ("title", "The Kafka"),
        ("title", "A Kafka"),
    ]


def test_frequent_texts_do_not_hide_others(shelf: Shelf) -> None:
    shelf.hold(
        *({"title": f"Show {number % 2_000}", "venue": "Shed"} for number in range(5_000)), {"title": "Shadow Play"}
    )

    assert suggested("sh")[:3] == [("title", "Shadow Play"), ("venue", "Shed"), ("title", "Show 0")]
    assert suggested("play sh") == [("title", "Shadow Play")]


def test_a_text_that_equals_the_typed_one_comes_first(shelf: Shelf) -> None:
    shelf.hold({"title": "KX7Q Night", "code": "KX7Q"}, {"title": "x", "code": "KX7QAAAA"})

    assert suggested("kx7q") == [("code", "KX7Q"), ("title", "KX7Q Night"), ("code", "KX7QAAAA")]


def test_at_most_ten_different_texts_are_suggested(shelf: Shelf) -> None:
    shelf.hold(
        *({"title": f"Kafka {number}", "venue": "Zoë", "holder_name": "Zoë"} for number in range(15)),
        {"title": "ZOE", "venue": "zoe"},
    )

    assert len(suggested("kafka")) == 10
    assert len(suggested("zoe")) == 1


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("zo", "Zoë im Straßencafé"),
        ("STRASSENC", "Zoë im Straßencafé"),
        ("im zoe", "Zoë im Straßencafé"),
        ("東", "東京ドーム"),
        ("京ド", "東京ドーム"),
        ("сул", "Сулейман"),
        ("संगी", "शास्त्रीय संगीत"),
        ("vip-a", "VIP-A Lounge"),
    ],
)
def test_words_of_any_script_case_and_accent_are_completed(shelf: Shelf, typed: str, text: str) -> None:
    shelf.hold(
        *(
            {"title": title}
            for title in ("Zoë im Straßencafé", "東京ドーム", "Сулейман", "शास्त्रीय संगीत", "VIP-A Lounge")
        )
    )

    assert suggested(typed) == [("title", text)]


def test_only_the_last_word_may_be_unfinished(shelf: Shelf) -> None:
    shelf.hold({"title": "Kafka Night"})

    assert suggested("kaf night") == []
    assert suggested("night kaf") == [("title", "Kafka Night")]


def test_nothing_typed_suggests_nothing(shelf: Shelf) -> None:
    shelf.hold({})

    assert suggested("") == suggested(" \x00") == suggested("*") == suggested("...") == []


def test_a_missing_index_is_an_error(elasticsearch: object) -> None:
    with pytest.raises(TargetLost, match="there is no index"):
        suggest("kafka")


class TestOverRest:
    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def api(self) -> APIClient:
        user = User.objects.create_user("viewer")
        user.user_permissions.add(Permission.objects.get(codename="view_ticket"))
        client = APIClient()
        client.force_login(user)
        return client

    def test_the_typed_words_are_marked(self, api: APIClient, shelf: Shelf) -> None:
        shelf.hold({"title": "<Kafka> Night"})

        assert api.get(PATH, {"q": "night kaf"}).json() == {
            "suggestions": [
                {
                    "field": "title",
                    "text": "<Kafka> Night",
                    "highlighted": "&lt;<mark>Kaf</mark>ka&gt; <mark>Night</mark>",
                }
            ]
        }
        assert api.get(PATH).json() == {"suggestions": []}

    @pytest.mark.parametrize(
        ("parameter", "value"), [("q", "x" * 101), ("q", "a " * 21), ("q", "\x00"), ("limit", "5")]
    )
    def test_an_invalid_parameter_is_named(self, api: APIClient, parameter: str, value: str) -> None:
        answer = api.get(PATH, {parameter: value})

        assert (answer.status_code, list(answer.json()["errors"])) == (400, [parameter])

    def test_the_permission_to_view_tickets_is_required(self, api: APIClient, shelf: Shelf) -> None:
        User.objects.get().user_permissions.clear()

        assert api.get(PATH, {"q": "kafka"}).status_code == 403
        assert APIClient().get(PATH, {"q": "kafka"}).status_code == 401

    def test_suggestions_are_unavailable_without_an_index(self, api: APIClient, elasticsearch: object) -> None:
        answer = api.get(PATH, {"q": "kafka"})

        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
