"""A Redis that is full of our own entries: the relay shortens the stream and goes on."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django import Settings

from events import log, record, unit_of_work
from events.exceptions import StreamFull
from events.relay import flush as relay
from events.stream.interface import Stream, open_stream
from events.testing import run_until_idle
from tests.network.redis_servers import BINARIES, Server, running_server
from tests.things import Recorder, ThingMade

pytestmark = pytest.mark.django_db(transaction=True)

ROOM_BYTES = 5_000_000
LARGE, EVENTS = "x" * 100_000, 200
MOST_SWEEPS = 50


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running_server(BINARIES[request.param], tmp_path / "server") as server:
        yield server


@pytest.fixture
def stream(server: Server, settings: Settings) -> Iterator[Stream]:
    settings.EVENTS_STREAM_URL = f"redis://127.0.0.1:{server.port}/tickets"
    with closing(open_stream()) as stream:
        yield stream


def refusals_until_all_is_appended(stream: Stream) -> int:
    for refusals in range(MOST_SWEEPS):
        try:
            relay.sweep(stream, 0)
        except StreamFull:
            continue
        return refusals
    raise AssertionError("Redis stays full")


def test_the_relay_makes_room_in_a_redis_that_is_full_of_its_entries(
    server: Server, stream: Stream, settings: Settings
) -> None:
    server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] + ROOM_BYTES)
    settings.EVENTS_FLUSH_ON_COMMIT = False
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}", note=LARGE) for number in range(EVENTS)))

    refusals = refusals_until_all_is_appended(stream)

    assert refusals > 0
    assert stream.tail(0).position == log.last_position(0) == EVENTS
    assert 0 < stream.length(0) < EVENTS
    recorder = Recorder()
    run_until_idle("things", recorder)
    assert recorder.positions == list(range(1, EVENTS + 1))


def test_a_small_stream_is_kept_if_other_keys_fill_redis(server: Server, stream: Stream, settings: Settings) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(10)))
    assert stream.length(0) == 10
    server.client.config_set("maxmemory", 1)
    settings.EVENTS_FLUSH_ON_COMMIT = False
    with unit_of_work():
        record(ThingMade(name="late"))

    with pytest.raises(StreamFull):
        relay.sweep(stream, 0)
    server.client.config_set("maxmemory", 0)
    relay.sweep(stream, 0)

    assert stream.length(0) == 11
