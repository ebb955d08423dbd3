"""Provide fixtures for the tests of every tier; tests/unit/conftest.py has its own stream."""

import sys
from collections.abc import Iterator
from pkgutil import resolve_name
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import translation
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from accounts.passwords.hashing import PasswordHasher
from events.log.partitions import forget_layout, layout
from events.relay import flush as relay
from events.stream.interface import Stream, open_stream
from tests.servers import needs_no_server
from tests.waiting import PATIENCE_SECONDS

EXAMPLES = 100
QUICK_EXAMPLES = 20
"""In a run of the unit tests alone, which a person waits for; the whole run has more."""

# jsonschema would build a parser of IRIs, which takes seconds in each process; no schema of the tests has that format.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    """Set how many examples Hypothesis tries, before the modules of the tests ask for a share of them."""
    examples = QUICK_EXAMPLES if needs_no_server(config.known_args_namespace) else EXAMPLES
    # A busy machine makes an example, or making it, slow; Hypothesis would fail the test for that.
    hypothesis_settings.register_profile(
        "tests", max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    hypothesis_settings.load_profile("tests")


@pytest.fixture(autouse=True, scope="session")
def _hash_quickly() -> Iterator[None]:
    """Hash the passwords of the tests' users by one iteration instead of a million; started processes do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PasswordHasher, "iterations", 1)
        yield


@pytest.fixture(autouse=True)
def _speak_english() -> None:
    """Give each test the default language: a request's stays in its thread, where the test's own code runs too."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def _forget_further_partitions() -> Iterator[None]:
    """Let no test look for partitions that only the one before had."""
    yield
    if layout.cache_info().currsize and len(layout()) > 1:
        forget_layout()


@pytest.fixture(autouse=True)
def _forget_how_redis_was() -> Iterator[None]:
    """Give each test a closed circuit breaker and its own Redis client."""
    relay.breaker.reset()
    relay._stream_of_requests.cache_clear()
    yield
    if relay._stream_of_requests.cache_info().currsize:
        relay._stream_of_requests().close()


@pytest.fixture
def stream() -> Iterator[Stream]:
    """The configured stream, emptied."""
    stream = open_stream()
    stream._client.flushall()
    yield stream
    stream.close()


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the test registers when it ends."""
    for registry in ("events.event._by_name", "events.event._by_class", "events.upcasting._upcasters"):
        monkeypatch.setattr(registry, dict(resolve_name(registry)))


@pytest.fixture
def elasticsearch(settings: Settings) -> Iterator[Elasticsearch]:
    """A client of Elasticsearch; the settings name an alias that only this test uses."""
    alias = settings.READMODEL_ALIAS = f"test-{uuid4().hex}"
    client = Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=PATIENCE_SECONDS)
    yield client
    names = list(client.indices.get(index=f"*{alias}*"))
    if names:
        client.indices.delete(index=names)
    client.options(ignore_status=404).indices.delete_index_template(name=f"*{alias}*")
    client.close()


def pytest_runtest_setup() -> None:
    """Drop sessions that a fault of the database has closed in the test before, so that they fail no later test."""
    for connection in connections.all(initialized_only=True):
        if getattr(connection.connection, "closed", False):
            connection.close()
