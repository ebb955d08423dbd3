"""Who may read the feed, and what is refused."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from events import record, unit_of_work
from events.feed import pages as feed
from events.feed.cursor import FeedCursor
from events.log.positions import give_positions
from tests.things import ThingMade

FEED = "/api/events/"
STREAM = "/api/events/stream"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream")]


@pytest.fixture
def reader() -> User:
    user = User.objects.create_user("reader")
    user.user_permissions.add(Permission.objects.get(codename="view_logentry", content_type__app_label="events"))
    return user


@pytest.fixture
def api(reader: User) -> APIClient:
    client = APIClient()
    client.force_login(reader)
    return client


def make(*names: str) -> None:
    with unit_of_work():
        record(*(ThingMade(name=name) for name in names))
    give_positions(0)


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"]


def test_pages_are_read_by_their_cursors(api: APIClient) -> None:
    make(*"abc")
    first = api.get(FEED, {"limit": 2}).json()
    second = api.get(FEED, {"limit": 2, "after": first["next"]}).json()
    latest = api.get(FEED, {"after": "latest"}).json()

    assert [event["subject"] for event in first["events"]] == ["a", "b"]
    assert [event["subject"] for event in second["events"]] == ["c"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert latest == api.get(FEED, {"after": "$"}).json() == {"events": [], "next": second["next"], "has_more": False}


def test_several_types_and_subjects_are_named_one_by_one(api: APIClient) -> None:
    make(*"abc")

    answer = api.get(FEED, {"type": ["no.such", "thing.made"], "subject": ["a", "c"]}).json()

    assert [event["subject"] for event in answer["events"]] == ["a", "c"]


@pytest.mark.parametrize("path", [FEED, STREAM])
class TestRefused:
    def test_strangers_are_asked_who_they_are(self, path: str) -> None:
        answer = Client().get(path)

        assert problem(answer) == (401, "about:blank")
        assert answer["WWW-Authenticate"] == "Token"

    def test_without_the_permission_nobody_reads(self, path: str, api: APIClient, reader: User) -> None:
        reader.user_permissions.clear()

        assert problem(api.get(path, headers={"Accept": "text/event-stream, application/json"})) == (403, "about:blank")

    @pytest.mark.parametrize("after", ["7", "MDE", "MTI="])
    def test_what_is_no_cursor(self, after: str, path: str, api: APIClient) -> None:
        assert problem(api.get(path, {"after": after})) == (400, "urn:problem:malformed-cursor")

    def test_a_cursor_of_a_log_with_other_partitions(self, path: str, api: APIClient) -> None:
        assert problem(api.get(path, {"after": str(FeedCursor((0, 0)))})) == (409, "urn:problem:cursor-of-another-log")

    def test_a_cursor_ahead_of_the_log(self, path: str, api: APIClient) -> None:
        make("a")

        assert problem(api.get(path, {"after": str(FeedCursor((2,)))})) == (409, "urn:problem:cursor-ahead")
        assert problem(api.get(path, {"after": str(FeedCursor((2**64,)))})) == (400, "urn:problem:malformed-cursor")

    def test_parameters_that_do_not_fit(self, path: str, api: APIClient) -> None:
        answer = api.get(path, {"after": "x" * 4_001})

        assert problem(answer) == (400, "about:blank")
        assert answer.json()["errors"].keys() == {"after"}

    def test_another_method(self, path: str, api: APIClient) -> None:
        assert problem(api.post(path)) == (405, "about:blank")


@pytest.mark.parametrize(
    ("parameter", "value"), [("limit", "0"), ("limit", "1001"), ("limit", "x"), ("wait", "-1"), ("wait", "31")]
)
def test_bounds_of_a_page(parameter: str, value: str, api: APIClient) -> None:
    answer = api.get(FEED, {parameter: value})

    assert problem(answer) == (400, "about:blank")
    assert answer.json()["errors"].keys() == {parameter}


def test_the_last_events_id_wins_over_the_address(api: APIClient) -> None:
    answer = api.get(STREAM, {"after": str(feed.start())}, headers={"Last-Event-ID": "7"})

    assert problem(answer) == (400, "urn:problem:malformed-cursor")


def test_where_too_many_wait_the_next_one_comes_again_later(api: APIClient, settings: Settings) -> None:
    settings.EVENTS_FEED_CLIENTS = 0
    stream, waiting, page = api.get(STREAM), api.get(FEED, {"wait": 1}), api.get(FEED)

    assert problem(stream) == problem(waiting) == (503, "urn:problem:too-many-clients")
    assert stream["Retry-After"] == waiting["Retry-After"] == "5"
    assert page.status_code == 200


def test_both_are_documented(api: APIClient) -> None:
    paths = api.get("/api/schema/?format=json").json()["paths"]

    assert {parameter["name"] for parameter in paths[FEED]["get"]["parameters"]} == {
        "after",
        "limit",
        "subject",
        "type",
        "wait",
    }
    assert "text/event-stream" in paths[STREAM]["get"]["responses"]["200"]["content"]
