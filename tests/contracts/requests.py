"""The guarantees of requests on any database; a test class of each tier derives from these."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.db import connections
from django.test import AsyncClient, Client
from pytest_django import DjangoAssertNumQueries

from events.models import LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.contracts.transactions import names_in_log, names_on
from tests.nesting import Failed

SENT = {"X-Request-ID": "request-17"}


class Answer(NamedTuple):
    status: int
    request_id: str
    body: str


type Ask = Callable[[str], Answer]


def ask_by_wsgi(view: str) -> Answer:
    response: Any = Client(raise_request_exception=False).get(f"/{view}/", headers=SENT)
    chunks = []
    with suppress(Failed):
        chunks.extend(response)
    return Answer(response.status_code, response.headers.get("X-Request-ID", ""), b"".join(chunks).decode())


@async_to_sync
async def ask_by_asgi(view: str) -> Answer:
    response: Any = await AsyncClient(raise_request_exception=False).get(f"/{view}/", headers=SENT)
    chunks = [response.content] if not response.streaming else []
    with suppress(Failed):
        if response.streaming:
            chunks = [chunk async for chunk in response]
    return Answer(response.status_code, response.headers.get("X-Request-ID", ""), b"".join(chunks).decode())


@pytest.fixture(params=[ask_by_wsgi, ask_by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[True, False], ids=["atomic", "autocommit"])
def atomic_requests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)
    return bool(request.param)


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.contracts.request_views")
# Django streams in either way on either server, and says that the other way would be faster.
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
class RequestContract:
    @pytest.mark.parametrize(
        ("view", "status", "names"),
        [
            ("one_unit", 200, "a"),
            ("several_blocks", 200, "abcd"),
            ("durable", 200, "a"),
            ("asynchronous", 200, "abcd"),
            ("refused", 400, "a"),
            ("failed", 500, ""),
            ("invalid", 400, ""),
        ],
    )
    def test_committed_events_are_sent_with_the_request_s_metadata_at_its_end(
        self, ask: Ask, stream: Stream, view: str, status: int, names: str, *, atomic_requests: bool
    ) -> None:
        answer = ask(view)

        assert (answer.status, answer.request_id) == (status, "request-17")
        if status == 200:
            assert answer.body == "0", "flushed before the request's end"
        assert "".join(names_in_log()) == "".join(names_on(stream)) == names
        assert "".join(Group.objects.order_by("id").values_list("name", flat=True)) == names
        assert set(LogEntry.objects.values_list("correlation_id", flat=True)) <= {"request-17"}

    @pytest.mark.parametrize(("view", "status"), [("failed_afterwards", 500), ("invalid_afterwards", 400)])
    def test_an_exception_after_the_unit_rolls_it_back_only_if_the_request_is_atomic(
        self, ask: Ask, stream: Stream, view: str, status: int, *, atomic_requests: bool
    ) -> None:
        assert ask(view).status == status

        names = [] if atomic_requests else ["a"]
        assert names_in_log() == names_on(stream) == names
        assert Group.objects.count() == len(names)

    def test_an_atomic_request_needs_no_unit_of_work(self, ask: Ask, stream: Stream, *, atomic_requests: bool) -> None:
        answer = ask("in_the_request")

        assert answer.status == (200 if atomic_requests else 500)
        assert names_in_log() == names_on(stream) == (["a"] if atomic_requests else [])
        assert Group.objects.count() == len(names_in_log())

    @pytest.mark.parametrize("view", ["streamed", "streamed_asynchronously"])
    def test_a_streamed_body_belongs_to_its_request_and_is_flushed_chunk_by_chunk(
        self, ask: Ask, stream: Stream, view: str, *, atomic_requests: bool
    ) -> None:
        answer = ask(view)

        assert (answer.status, answer.request_id, answer.body) == (200, "request-17", "0 1 ")
        assert names_in_log() == names_on(stream) == ["a", "b"]
        assert set(LogEntry.objects.values_list("correlation_id", flat=True)) == {"request-17"}

    def test_a_streamed_body_that_fails_keeps_what_it_committed(self, ask: Ask, stream: Stream) -> None:
        ask("broken_off")

        assert names_in_log() == names_on(stream) == ["a"]

    def test_concurrent_units_of_an_asynchronous_view_are_all_sent(self, ask: Ask, stream: Stream) -> None:
        assert ask("at_once").body == "0 0"

        assert sorted(names_in_log()) == sorted(names_on(stream)) == ["a", "b"]

    def test_a_failing_callback_of_another_fails_the_request_but_not_the_flush(
        self, ask: Ask, stream: Stream, *, atomic_requests: bool
    ) -> None:
        assert ask("foreign_callback").status == 500

        assert names_in_log() == names_on(stream) == ["a"]

    def test_a_request_without_events_calls_no_server(
        self, ask: Ask, django_assert_num_queries: DjangoAssertNumQueries, *, atomic_requests: bool
    ) -> None:
        with django_assert_num_queries(2 if atomic_requests else 0):  # Django's own BEGIN and COMMIT.
            answer = ask("nothing")

        assert (answer.status, answer.request_id) == (200, "request-17")
        assert relay._stream_of_requests.cache_info().currsize == 0
