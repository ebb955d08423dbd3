"""Provide the fixtures of the tests in a real Chromium, on real servers.

Without `chromedriver` (Debian: chromium and chromium-driver) they are left out, and the test run ends by saying so.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome

from tests.browser.sample import ReadModel, sample_read_model
from tests.browser.visitor import DRIVER, Visitor, opened_chrome

collect_ignore_glob = [] if DRIVER else ["test_*.py"]


@pytest.fixture(scope="package")
def chrome() -> Iterator[Chrome]:
    with opened_chrome() as chrome:
        yield chrome


@pytest.fixture(scope="package")
def read_model() -> Iterator[ReadModel]:
    with sample_read_model() as read_model:
        yield read_model


@pytest.fixture
def visitor(chrome: Chrome, live_server: LiveServer, read_model: ReadModel) -> Visitor:
    """A logged-in user with all permissions, on a large screen in light mode."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    visitor = Visitor(chrome, live_server.url)
    visitor.log_in(client.cookies["sessionid"].value)
    return visitor
