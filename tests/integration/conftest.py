"""Fixtures of the tests with real servers."""

import pytest
from pytest_django import Settings

from tests.network.pgbouncer import PGBOUNCER

collect_ignore = [] if PGBOUNCER else ["events/test_pgbouncer.py"]


@pytest.fixture(autouse=True)
def _block_briefly(settings: Settings) -> None:
    """Let a consumer of the test's own process see at once that the stream has no more; it waits a second otherwise."""
    settings.EVENTS_BLOCK_SECONDS = 0.05
