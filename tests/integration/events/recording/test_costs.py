"""The costs of recording and flushing, counted in statements and round trips."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events import record, unit_of_work
from events.stream.interface import Stream
from tests.things import ThingMade

pytestmark = pytest.mark.django_db(transaction=True)


def statements_of(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"].split(maxsplit=1)[0] for query in queries.captured_queries]


def round_trips(stream: Stream) -> dict[str, int]:
    """Return how often each command was sent since the last CONFIG RESETSTAT, without calls from scripts."""
    counted = stream._client.info("commandstats")
    sent = ("evalsha", "eval", "publish", "ping")
    return {name: counted[f"cmdstat_{name}"]["calls"] for name in sent if f"cmdstat_{name}" in counted}


@pytest.fixture
def warm_stream(stream: Stream) -> Stream:
    """Return a stream with an open connection and a loaded script."""
    with unit_of_work():
        record(ThingMade(name="first"))
    assert stream.length(0) == 1
    stream._client.config_resetstat()
    return stream


@pytest.mark.parametrize("events", [1, 3, 400])
def test_any_number_of_events_is_one_insert_and_one_append(warm_stream: Stream, events: int) -> None:
    with CaptureQueriesContext(connection) as queries, unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(events)))

    # The SELECT gives and commits the positions; the appended events are still in memory.
    assert statements_of(queries) == ["BEGIN", "INSERT", "COMMIT", "SELECT"]
    assert round_trips(warm_stream) == {"evalsha": 1}
    assert warm_stream.length(0) == 1 + events


def test_a_unit_without_events_costs_nothing(warm_stream: Stream) -> None:
    with CaptureQueriesContext(connection) as queries, unit_of_work():
        pass

    assert statements_of(queries) == ["BEGIN", "COMMIT"]
    assert round_trips(warm_stream) == {}


def test_an_insert_has_at_most_a_thousand_events(warm_stream: Stream) -> None:
    with unit_of_work(), CaptureQueriesContext(connection) as queries:
        record(*(ThingMade(name=f"thing-{number}") for number in range(2_500)))

    assert statements_of(queries)[:3] == ["INSERT"] * 3
    assert round_trips(warm_stream) == {"evalsha": 1, "publish": 1}  # The relay is woken for the rest.
