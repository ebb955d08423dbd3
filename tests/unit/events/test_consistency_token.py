"""The token that names the committed events of a request or another unit of work."""

import logging
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core.signing import Signer
from django.db import DatabaseError, connection, transaction
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import record, unit_of_work
from events.consistency_token import (
    HEADER,
    MAX_LENGTH,
    MAX_LENGTH_OF_SEVERAL,
    MAX_NAMED,
    ConsistencyToken,
    InvalidToken,
    Newest,
    read_token,
    sign_token,
    token_of,
)
from events.models import LogEntry
from events.recording.collector import Collector
from events.recording.recorded import MAX_IDS
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import ThingMade, ThingMoved


def by_wsgi(view: str) -> str:
    response: Any = Client(raise_request_exception=False).get(f"/{view}/")
    return str(response.headers.get(HEADER, ""))


@async_to_sync
async def by_asgi(view: str) -> str:
    response: Any = await AsyncClient(raise_request_exception=False).get(f"/{view}/")
    return str(response.headers.get(HEADER, ""))


def make(*names: str) -> Collector:
    with unit_of_work() as collector:
        record(*(ThingMade(name=name) for name in names))
    return collector


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.contracts.request_views")
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize("ask", [by_wsgi, by_asgi])
class TestOfARequest:
    @pytest.mark.parametrize(
        ("view", "names"),
        [("one_unit", "a"), ("several_blocks", "abcd"), ("asynchronous", "abcd"), ("at_once", "ab"), ("refused", "a")],
    )
    def test_a_response_of_any_status_names_what_was_committed(
        self, stream: Stream, ask: Any, view: str, names: str
    ) -> None:
        token = read_token(ask(view))

        assert sorted(token.events) == [Newest("thing.made", name, 1) for name in names]

    @pytest.mark.parametrize("view", ["failed", "invalid", "invalid_afterwards", "nothing", "streamed"])
    def test_a_response_without_committed_events_has_no_token(self, stream: Stream, ask: Any, view: str) -> None:
        assert ask(view) == ""

    def test_if_the_log_can_not_be_read_the_response_lacks_only_its_token(
        self, stream: Stream, ask: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        if ask is by_asgi:
            ask = by_wsgi  # The wrapper below is for one thread's connection.
        with caplog.at_level(logging.WARNING), connection.execute_wrapper(refuse_the_question):
            assert ask("one_unit") == ""

        assert "without its consistency token: the server is gone" in caplog.text
        assert LogEntry.objects.count() == 1


def refuse_the_question(execute: Any, sql: str, *rest: Any) -> Any:
    if "MAX(" in sql and "events_log" in sql:
        raise DatabaseError("the server is gone")
    return execute(sql, *rest)


@pytest.mark.django_db(transaction=True)
class TestWhatItNames:
    def test_the_newest_version_of_each_type_that_was_kept(self, stream: Stream) -> None:
        make("somebody else's")
        with unit_of_work() as collector:
            record(ThingMade(name="a"), ThingMoved(name="a", version=2), ThingMoved(name="a", version=3))
            savepoint = transaction.savepoint_create()
            record(ThingMoved(name="a", version=4), ThingMade(name="never"))
            transaction.savepoint_rollback(savepoint)

        assert sorted(read_token(token_of(collector)).events) == [("thing.made", "a", 1), ("thing.moved", "a", 3)]

    def test_it_takes_one_query_and_none_without_events(self, stream: Stream) -> None:
        collector = make("a", "b")

        with CaptureQueriesContext(connection) as queries:
            token_of(collector)
            assert token_of(Collector()) == ""
        assert len(queries) == 1

    def test_too_many_aggregates_are_replaced_by_the_state_of_the_log(self, stream: Stream) -> None:
        named = read_token(token_of(make(*map(str, range(MAX_NAMED)))))
        collector = make(*map(str, range(MAX_NAMED, 2 * MAX_NAMED + 1)))

        assert len(named.events) == MAX_NAMED
        assert read_token(token_of(collector)) == ConsistencyToken(
            positions=((0, 2 * MAX_NAMED + 1),), correlation_ids=(collector.correlation_id,)
        )

    def test_events_without_a_position_are_named_by_their_last_row(self, settings: Settings) -> None:
        settings.EVENTS_FLUSH_ON_COMMIT = False

        token = read_token(token_of(make(*map(str, range(MAX_IDS + 1)))))

        last = LogEntry.objects.latest("id")
        assert (token.positions, token.rows) == ((), (last.id,))

    def test_names_that_are_too_long_are_replaced_by_the_state_of_the_log(self, stream: Stream) -> None:
        text = token_of(make(*(f"{uuid4()}{uuid4()}{uuid4()}" for _ in range(60))))

        assert len(text) < MAX_LENGTH
        assert read_token(text).positions == ((0, 60),)

    def test_it_is_safe_in_headers_and_addresses(self, stream: Stream) -> None:
        text = token_of(make("Å/+ =&?", *map(str, range(50))))

        assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")

    def test_several_tokens_are_merged(self) -> None:
        first = ConsistencyToken(events=(Newest("thing.made", "a", 1),))
        second = ConsistencyToken(positions=((0, 7),), rows=(9,), correlation_ids=("r",))

        assert read_token(f"{sign_token(first)}, {sign_token(second)}") == ConsistencyToken(
            events=first.events, positions=second.positions, rows=second.rows, correlation_ids=second.correlation_ids
        )


class TestHostileTokens:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "1~",
            "1~e30~",
            "2~e30~x",
            "1~.eJw~x",
            "1~\ud800~x",
            "~" * 9,
            ",",
            pytest.param("A" * 8_000, id="long"),
        ],
    )
    def test_other_text_than_a_token_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidToken):
            read_token(text)

    def test_a_signature_for_another_purpose_is_refused(self) -> None:
        with pytest.raises(InvalidToken):
            read_token(f"1~{Signer(sep='~').sign_object({'events': []})}")

    def test_a_changed_token_is_refused(self) -> None:
        text = sign_token(ConsistencyToken(events=(Newest("thing.made", "a", 1),)))

        for place in range(len(text) - 1):  # The last character has unused bits.
            with pytest.raises(InvalidToken):
                read_token(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :])

    def test_a_token_of_another_secret_is_refused_unless_it_is_a_fallback(self, settings: Settings) -> None:
        text = sign_token(ConsistencyToken(rows=(1,)))
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
        assert read_token(text).rows == (1,)

        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(InvalidToken):
            read_token(text)

    def test_the_signature_of_a_too_long_token_is_not_checked(self, settings: Settings) -> None:
        settings.SECRET_KEY = ""  # Verifying a signature fails.

        with pytest.raises(InvalidToken, match="8,000 characters"):
            read_token("1~" + "A" * MAX_LENGTH_OF_SEVERAL)


def test_events_relayed_later_get_the_named_position(
    stream: Stream, transactional_db: None, settings: Settings
) -> None:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    [row] = read_token(token_of(make(*map(str, range(MAX_NAMED + 1))))).rows

    relay.sweep(stream, 0)

    assert LogEntry.objects.get(id=row).position == MAX_NAMED + 1
