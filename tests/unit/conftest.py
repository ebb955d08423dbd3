"""Fixtures of the tests without servers."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import Settings

from events.stream.interface import Stream
from events.testing import fake_stream
from tests.servers import NOBODY_LISTENS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the contracts on SQLite where the run has PostgreSQL: tests/integration runs them there."""
    if connection.vendor == "sqlite":
        return
    on_sqlite = [item for item in items if "OnSQLite::" in item.nodeid]
    config.hook.pytest_deselected(items=on_sqlite)
    items[:] = [item for item in items if item not in on_sqlite]


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
