"""Provide the fixtures of the tests in a real Chromium, on real servers.

Without `chromedriver` (Debian: chromium and chromium-driver) they are left out, and the test run ends by saying so.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browser.sample import ReadModel, sample_read_model
from tests.browser.visitor import Visitor

DRIVER = shutil.which("chromedriver")
collect_ignore_glob = [] if DRIVER else ["test_*.py"]


@pytest.fixture(scope="package")
def chrome() -> Iterator[Chrome]:
    """A browser of a person with British English, whose time zone is Europe/Berlin."""
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": "en-GB,en"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(DRIVER, env=os.environ | {"TZ": "Europe/Berlin"}))
    yield driver
    driver.quit()


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
