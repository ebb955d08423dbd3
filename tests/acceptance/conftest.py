"""Provide the fixtures of the tests with real processes."""

import pytest

from config.supervisord.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()
