"""The stream of events, by a real web server."""

from collections.abc import Iterator

import httpx
import pytest

from events import record, unit_of_work
from events.stream import Stream as EventStream
from tests.feed_server import Server, Stream, headers, reader_token, serving
from tests.things import ThingMade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(stream: EventStream) -> Iterator[Server]:
    with serving(DJANGO_SETTINGS_MODULE="tests.feed_settings") as server:
        yield server


def make(*names: str) -> None:
    for name in names:
        with unit_of_work():
            record(ThingMade(name=name))


def test_it_sends_what_is_there_and_what_comes(server: Server) -> None:
    make("a", "b")
    client = Stream()
    with httpx.stream("GET", f"{server.url}/api/events/stream", headers=headers(reader_token())) as response:
        assert response.status_code == 200
        arriving = client.read(response)
        assert [next(arriving)["subject"] for _ in "ab"] == ["a", "b"]
        make("c")
        assert next(arriving)["subject"] == "c"
        print(client.events, client.comments, response.headers, client.last_id)
