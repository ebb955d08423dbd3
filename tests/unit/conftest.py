"""Fixtures of the tests without servers."""

from collections.abc import Iterator

import pytest

from events.stream import Stream
from events.testing import fake_stream


@pytest.fixture
def stream() -> Iterator[Stream]:
    """The configured stream, empty, in memory."""
    with fake_stream() as stream:
        yield stream
