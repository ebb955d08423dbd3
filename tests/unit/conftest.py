"""Fixtures of the tests without servers."""

from collections.abc import Iterator

import fakeredis
import pytest
import redis

from events.stream import Stream, open_stream


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    """The configured stream, empty, on a Redis in this process."""
    monkeypatch.setattr(redis, "Redis", fakeredis.FakeRedis)
    stream = open_stream()
    stream._client.flushall()
    yield stream
    stream.close()
