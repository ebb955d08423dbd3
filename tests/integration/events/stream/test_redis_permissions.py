"""Users of Redis who lack permissions that the stream needs."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.conf import settings

from events.operations.doctor import examine
from events.stream.dsn import StreamDSN
from events.stream.interface import Stream
from events.stream.redis_stream import RedisStream
from tests.network.proxy import with_account

pytestmark = pytest.mark.django_db

type Login = Callable[..., RedisStream]


@pytest.fixture
def login(stream: Stream) -> Iterator[Login]:
    """Give a user these permissions, and return a stream that logs in as that user."""
    streams = []

    def login(*permissions: str) -> RedisStream:
        stream._client.execute_command("ACL", "SETUSER", "clerk", "reset", "on", ">secret", *permissions)
        streams.append(RedisStream(StreamDSN.parse(with_account(settings.EVENTS_STREAM_URL, "clerk:secret"))))
        return streams[-1]

    yield login
    for opened in streams:
        opened.close()
    stream._client.execute_command("ACL", "DELUSER", "clerk")


def test_each_refused_command_is_reported_once(login: Login) -> None:
    refused = login("~*", "&*", "+@all", "-xtrim", "-memory|usage").refused_commands()

    assert refused is not None
    assert [command.partition(":")[0] for command in refused] == ["XTRIM tickets", "MEMORY USAGE"]


def test_a_forbidden_key_is_reported(login: Login) -> None:
    refused = login("~others", "&*", "+@all").refused_commands()

    assert refused is not None
    assert "XADD tickets" in [command.partition(":")[0] for command in refused]


def test_permissions_are_unknown_to_a_user_who_may_not_query_them(login: Login) -> None:
    stream = login("~*", "&*", "+@all", "-acl")

    assert stream.refused_commands() is None
    assert stream.memory_usage(0) == 0
    assert login("~*", "&*", "+@all", "-memory").memory_usage(0) is None


def test_the_doctor_reports_refused_commands(login: Login) -> None:
    stream = login("~*", "&*", "+@all", "-xtrim", "-xadd")

    [found] = [found for found in examine(stream) if found.about == "Redis's permissions"]

    assert "XADD tickets" in found.found
    assert "XTRIM tickets" in found.found
    assert found.remedy.startswith("allow them with ACL SETUSER")


def test_the_doctor_tells_a_missing_permission_from_a_server_that_is_down(login: Login) -> None:
    [found] = [found for found in examine(login("~*", "&*", "+@all", "-acl", "-info")) if found.about == "stream"]

    assert "info" in found.found
    assert found.remedy.startswith("allow the user of EVENT_STREAM_URL")


def test_the_doctor_names_a_wrong_password(stream: Stream) -> None:
    wrong = RedisStream(StreamDSN.parse(with_account(settings.EVENTS_STREAM_URL, "nobody:wrong")))

    with closing(wrong):
        [found] = [found for found in examine(wrong) if found.about == "stream"]

    assert found.remedy == "correct user and password in EVENT_STREAM_URL, or make that user in Redis again"
