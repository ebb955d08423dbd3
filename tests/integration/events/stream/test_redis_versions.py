"""The stream on each installed server, over restarts and a script flush."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from pytest_django import Settings

from config.engines.valkey import PERMISSIONS
from events import record, unit_of_work
from events.models import LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream, open_stream
from tests.contracts.stream import StreamContract
from tests.network.proxy import running_proxy, with_account
from tests.network.redis_servers import BINARIES, Server, running_server
from tests.things import ThingMade
from tests.unit.events.relay.test_flush import TestSweep as SweepContract


@pytest.fixture(scope="module", params=BINARIES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(BINARIES[request.param], tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture
def stream(server: Server, settings: Settings) -> Iterator[Stream]:
    settings.EVENTS_STREAM_URL = server.url
    server.client.flushall()
    stream = open_stream()
    yield stream
    stream.close()


class TestStream(StreamContract):
    """The guarantees of a stream."""


class TestStreamWithTheShippedPermissions(StreamContract):
    """The guarantees, for a user with the permissions of `manage.py up` and docker-compose.yml."""

    @pytest.fixture
    def stream(self, server: Server, settings: Settings) -> Iterator[Stream]:
        server.client.flushall()
        permissions = PERMISSIONS.read_text().split()
        server.client.execute_command("ACL", "SETUSER", "tickets", "reset", "on", ">secret", *permissions)
        settings.EVENTS_STREAM_URL = with_account(server.url, "tickets:secret")
        stream = open_stream()
        yield stream
        stream.close()

    @pytest.mark.parametrize(
        "command", ["FLUSHALL", "CONFIG GET dir", "DEBUG SLEEP 0", "KEYS *", "ACL LIST", "DEL other", "EVAL return 0"]
    )
    def test_the_user_may_do_nothing_else(self, stream: Stream, command: str) -> None:
        with pytest.raises(redis.exceptions.NoPermissionError):
            stream._client.execute_command(*command.split())

    def test_no_command_of_the_stream_is_refused(self, stream: Stream) -> None:
        assert stream.refused_commands() == []


@pytest.mark.django_db
class TestSweep(SweepContract):
    """The relay on this server."""


def make_thing() -> None:
    with unit_of_work():
        record(ThingMade(name=f"thing-{LogEntry.objects.count() + 1}"))


@pytest.mark.django_db
def test_the_script_is_sent_again_after_a_script_flush(stream: Stream, server: Server) -> None:
    make_thing()
    assert relay.sweep(stream, 0) == 1
    server.client.script_flush()
    make_thing()

    assert relay.sweep(stream, 0) == 1

    assert stream.length(0) == 2


@pytest.mark.django_db
def test_the_stream_goes_on_after_a_restart(stream: Stream, server: Server) -> None:
    make_thing()
    relay.sweep(stream, 0)
    server.stop()
    server.start()
    make_thing()
    relay.sweep(stream, 0)

    assert [entry.id for entry in stream.entries(0, after="0", count=10)] == ["1-0", "2-0"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("count", "note", "at_most_bytes"),
    [
        pytest.param(1_200, "", 500 * 700, id="500 entries"),
        pytest.param(8, "東" * 100_000, 1_100_000, id="a megabyte"),
    ],
)
def test_a_batch_does_not_block_other_clients_for_long(
    count: int, note: str, at_most_bytes: int, server: Server, stream: Stream, settings: Settings
) -> None:
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}", note=note) for number in range(count)))
    with running_proxy(("127.0.0.1", server.port)) as proxy:
        settings.EVENTS_STREAM_URL = f"redis://{proxy.address}/tickets"
        with closing(open_stream()) as watched:
            relay.sweep(watched, 0)

    assert stream.length(0) == count
    assert at_most_bytes / 3 < proxy.largest_request <= at_most_bytes
