"""Test who may read the feed, and which requests it refuses."""

from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from events import record, unit_of_work
from events.feed import pages as feed
from events.feed.cursor import FeedCursor
from events.log.partitions import forget_layout
from events.log.positions import give_positions
from events.models import Partition
from events.operations.repartitioning import MOST_PARTITIONS
from tests.things import ThingMade

FEED = "/api/events/"
LAST = 10**11
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


def test_the_cursor_of_as_many_partitions_as_a_log_can_have_is_taken(api: APIClient) -> None:
    Partition.objects.update(last_position=LAST)
    Partition.objects.bulk_create(
        Partition(number=number, parent=0, last_position=LAST) for number in range(1, MOST_PARTITIONS)
    )
    forget_layout()
    longest = str(FeedCursor((LAST,) * MOST_PARTITIONS, ("0123abcd",) * MOST_PARTITIONS))

    page = api.get(FEED, {"after": longest})

    assert page.status_code == HTTPStatus.OK
    assert page.json()["events"] == []


def test_type_and_subject_parameters_can_be_repeated(api: APIClient) -> None:
    make(*"abc")

    answer = api.get(FEED, {"type": ["no.such", "thing.made"], "subject": ["a", "c"]}).json()

    assert [event["subject"] for event in answer["events"]] == ["a", "c"]


@pytest.mark.parametrize("path", [FEED, STREAM])
class TestRefused:
    def test_a_request_without_credentials_is_refused(self, path: str) -> None:
        answer = Client().get(path)

        assert problem(answer) == (401, "about:blank")
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_a_user_without_the_permission_is_refused(self, path: str, api: APIClient, reader: User) -> None:
        reader.user_permissions.clear()

        assert problem(api.get(path, headers={"Accept": "text/event-stream, application/json"})) == (403, "about:blank")

    @pytest.mark.parametrize("after", ["7", "MDE", "MTI="])
    def test_a_malformed_cursor_is_refused(self, after: str, path: str, api: APIClient) -> None:
        assert problem(api.get(path, {"after": after})) == (400, "urn:problem:malformed-cursor")

    def test_a_cursor_of_a_log_with_other_partitions_is_refused(self, path: str, api: APIClient) -> None:
        assert problem(api.get(path, {"after": str(FeedCursor((0, 0)))})) == (409, "urn:problem:cursor-of-another-log")

    def test_a_cursor_ahead_of_the_log_is_refused(self, path: str, api: APIClient) -> None:
        make("a")

        assert problem(api.get(path, {"after": str(FeedCursor((2,)))})) == (409, "urn:problem:cursor-ahead")
        assert problem(api.get(path, {"after": str(FeedCursor((2**64,)))})) == (400, "urn:problem:malformed-cursor")

    def test_invalid_parameters_are_refused(self, path: str, api: APIClient) -> None:
        answer = api.get(path, {"after": "x" * 30_001})

        assert problem(answer) == (400, "about:blank")
        assert answer.json()["errors"].keys() == {"after"}

    def test_another_method_is_refused(self, path: str, api: APIClient) -> None:
        assert problem(api.post(path)) == (405, "about:blank")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(("limit", "0"), ("limit", "1001"), ("limit", "x"), ("wait", "-1"), ("wait", "31")),
        *(("limit", ""), ("limit", "9" * 5_000), ("wait", "nan"), ("wait", ""), ("lmit", "1"), ("after", "\0")),
        *(("limit", "1_0"), ("limit", "１０"), ("limit", "10.0"), ("wait", "1e0"), ("wait", " 1")),
    ],
)
def test_limit_and_wait_outside_their_bounds_are_refused(parameter: str, value: str, api: APIClient) -> None:
    answer = api.get(FEED, {parameter: value})

    assert problem(answer) == (400, "about:blank")
    assert answer.json()["errors"].keys() == {parameter}


def test_last_event_id_takes_precedence_over_after(api: APIClient) -> None:
    answer = api.get(STREAM, {"after": str(feed.start())}, headers={"Last-Event-ID": "7"})

    assert problem(answer) == (400, "urn:problem:malformed-cursor")


def test_a_client_is_refused_when_too_many_wait(api: APIClient, settings: Settings) -> None:
    settings.EVENTS_FEED_CLIENTS = 0
    stream, waiting, page = api.get(STREAM), api.get(FEED, {"wait": 1}), api.get(FEED)

    assert problem(stream) == problem(waiting) == (503, "urn:problem:too-many-clients")
    assert stream["Retry-After"] == waiting["Retry-After"] == "5"
    assert page.status_code == 200


def test_a_user_who_has_too_many_streams_is_refused(api: APIClient, settings: Settings) -> None:
    settings.EVENTS_FEED_CLIENTS_PER_READER = 0
    stream, waiting, page = api.get(STREAM), api.get(FEED, {"wait": 1}), api.get(FEED)

    assert problem(stream) == problem(waiting) == (429, "urn:problem:too-many-streams")
    assert stream["Retry-After"] == waiting["Retry-After"] == "5"
    assert page.status_code == 200


def test_pages_and_stream_are_documented_in_the_schema(api: APIClient) -> None:
    paths = api.get("/api/schema/?format=json").json()["paths"]

    assert {parameter["name"] for parameter in paths[FEED]["get"]["parameters"]} == {
        "If-None-Match",
        "after",
        "limit",
        "subject",
        "type",
        "wait",
    }
    assert "text/event-stream" in paths[STREAM]["get"]["responses"]["200"]["content"]
