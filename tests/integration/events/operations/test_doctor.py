"""manage.py doctor and the checks at start-up, on the real servers."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.operations.doctor import database, examine
from events.operations.doctor.finding import Finding
from events.stream.interface import Stream
from readmodel.subscriber import ReadModel
from tests.processes import environment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _indices(elasticsearch: Elasticsearch) -> None:
    """Create the indices as the read model's group does."""
    with closing(ReadModel()) as read_model:
        read_model.open()


@contextmanager
def role_default(setting: str, value: str) -> Iterator[None]:
    """Set a default of the database role, as an administrator might."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET {setting} TO {value!r}')
        reconnect()
        try:
            yield
        finally:
            with connection.cursor() as afterwards:
                afterwards.execute(f'ALTER DATABASE "{name}" RESET {setting}')
            reconnect()


def reconnect() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def faults(stream: Stream) -> dict[str, Finding]:
    return {found.about: found for found in examine(stream) if found.is_fault and found.about != "group"}


def test_a_healthy_system_has_no_faults(stream: Stream) -> None:
    assert faults(stream) == {}


def test_a_single_server_is_examined_as_a_whole(stream: Stream) -> None:
    [found] = [finding.found for finding in examine(stream) if finding.about == "stream"]

    assert re.fullmatch(rf"{re.escape(str(stream.dsn))}, compatible with Redis [\d.]+", found)


def test_a_missing_index_is_a_fault(stream: Stream, elasticsearch: Elasticsearch, settings: Settings) -> None:
    elasticsearch.indices.delete(index=f"{settings.READMODEL_ALIAS}-000001")

    assert faults(stream)["target"].found == f"readmodel: there is no index behind '{settings.READMODEL_ALIAS}'"


@pytest.mark.parametrize(
    ("setting", "value", "about", "check"),
    [
        ("default_transaction_isolation", "repeatable read", "isolation level", "events.E030"),
        ("synchronous_commit", "off", "synchronous_commit", "events.E031"),
    ],
)
def test_unsafe_database_settings_are_refused_and_reported(
    setting: str, value: str, about: str, check: str, stream: Stream
) -> None:
    with role_default(setting, value):
        assert [(found.about, found.found) for found in faults(stream).values()] == [(about, value)]
        with pytest.raises(SystemCheckError, match=check):
            call_command("relay_events", "--once", skip_checks=False)


def test_the_oldest_transaction_is_named(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LONG_TRANSACTION_SECONDS", 0)
    url = environment()["DATABASE_URL"]
    with psycopg.connect(url, application_name="report") as old:
        old.execute("SELECT 1")

        [found] = faults(stream).values()

        assert found.about == "oldest transaction"
        assert f"process {old.info.backend_pid} (report)" in found.found
        assert "is idle in transaction" in found.found
        assert found.remedy == f"let it end, or SELECT pg_terminate_backend({old.info.backend_pid})"


def test_an_eviction_policy_is_a_fault(stream: Stream) -> None:
    stream._client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert list(faults(stream)) == ["maxmemory-policy"]
    finally:
        stream._client.config_set("maxmemory-policy", "noeviction")


def test_a_relay_starts_on_a_healthy_system(stream: Stream) -> None:
    said = StringIO()

    call_command("relay_events", "--once", skip_checks=False, stdout=said)

    assert said.getvalue().startswith("0 events appended")
