"""What tests of every tier share."""

from collections.abc import Iterator

import pytest

from events import relay


@pytest.fixture(autouse=True)
def _forget_how_redis_was() -> Iterator[None]:
    """Give each test a closed circuit breaker and a client of its own Redis."""
    relay.breaker.reset()
    relay._stream_of_requests.cache_clear()
    yield
    if relay._stream_of_requests.cache_info().currsize:
        relay._stream_of_requests().close()
