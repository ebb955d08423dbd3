"""Fixtures of the tests of the pages in a real Chromium, on the real servers, with the sample tickets.

They are run where there is `chromedriver` (Debian: chromium and chromium-driver); tests/servers.py says so if not.
"""

import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings as project_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from elasticsearch import Elasticsearch
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from events.stream import Stream
from events.testing import run_until_idle
from readmodel.index import connect
from tests.browser.visitor import Visitor

DRIVER = shutil.which("chromedriver")
SAMPLE = project_settings.BASE_DIR / "tickets/sample_tickets.csv"
collect_ignore_glob = [] if DRIVER else ["test_*.py"]


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(DRIVER, env={"TZ": "Europe/Berlin", "PATH": "/usr/bin:/bin"}))
    yield driver
    driver.quit()


@pytest.fixture
def visitor(chrome: Chrome, live_server: LiveServer) -> Visitor:
    """Somebody who may see tickets, logged in, at a desk by day."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    visitor = Visitor(chrome, live_server.url)
    visitor.log_in(client.cookies["sessionid"].value)
    return visitor


@pytest.fixture
def sample(elasticsearch: Elasticsearch, stream: Stream, transactional_db: None) -> Elasticsearch:
    """The sample tickets, in the database and in the read model."""
    call_command("import_tickets", SAMPLE)
    return project(elasticsearch)


def project(elasticsearch: Elasticsearch) -> Elasticsearch:
    run_until_idle("readmodel")
    elasticsearch.indices.refresh(index=f"*{connect().indices.alias}*")
    return elasticsearch
