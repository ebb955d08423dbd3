"""Fixtures of the tests with the real processes."""

import pytest

from config.supervisord.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()
