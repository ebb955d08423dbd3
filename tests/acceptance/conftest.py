"""Provide the fixtures of the tests with real processes.

Without `chromedriver` the one in a browser is left out, and the test run ends by saying so.
"""

import pytest

from config.supervisord.ports import free_port
from tests.browser.visitor import DRIVER

collect_ignore = [] if DRIVER else ["test_clerks_evening.py"]


@pytest.fixture
def port() -> int:
    return free_port()
