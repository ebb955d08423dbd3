"""Fixtures of the tests without servers."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from events.stream.interface import Stream
from events.testing import fake_stream
from tests.servers import NOBODY_LISTENS


@pytest.fixture(autouse=True)
def _without_servers(settings: Settings) -> None:
    """Keep to the tier also where other tests of the run have servers; only the database is theirs then."""
    settings.EVENTS_STREAM_URL = f"redis://{NOBODY_LISTENS}/tickets"
    settings.ELASTICSEARCH_URL = f"http://{NOBODY_LISTENS}"


@pytest.fixture
def stream() -> Iterator[Stream]:
    """The configured stream, empty, in memory."""
    with fake_stream() as stream:
        yield stream
