"""Test /healthz and /readyz; tests/integration/config has servers that hang or refuse."""

from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from config.web.health.views import NO_DETAILS, log
from events import forgotten
from events.models import Forgetting, Partition
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)  # A probe has a session of its own.


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.web.health.views.PATIENCE_SECONDS", PATIENCE_SECONDS)
    log.recovered()


def test_healthz_answers_while_everything_else_is_down(client: Client) -> None:
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.content == b"alive"


@pytest.mark.usefixtures("stream")
def test_readyz_is_ok_when_the_database_answers(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["ready"] is True
    assert response.json()["failures"] == {}
    assert response.json()["degraded"].keys() == {"elasticsearch"}


def test_readyz_names_a_stream_that_does_not_answer(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["failures"] == {}
    assert response.json()["degraded"].keys() == {"stream", "elasticsearch"}


@pytest.mark.usefixtures("stream")
def test_readyz_names_a_diverged_stream(admin_client: Client) -> None:
    Partition.objects.update(divergence="the stream has our event 1 at position 7")

    response = admin_client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["degraded"]["stream"] == "partition 0: the stream has our event 1 at position 7"


@pytest.mark.usefixtures("stream")
def test_readyz_fails_while_a_restored_database_has_forgotten_persons(
    client: Client, caplog: pytest.LogCaptureFixture, settings: Settings, tmp_path: Path
) -> None:
    settings.EVENTS_FORGOTTEN_FILE = tmp_path / "forgotten"
    forgotten.finish(forgotten.begin("ada@example.org"))
    assert client.get("/readyz").status_code == 200
    Forgetting.objects.all().delete()

    response = client.get("/readyz")

    assert (response.status_code, response.json()["failures"]) == (503, {"database": NO_DETAILS})
    assert any(
        "1 of the list have to be forgotten again: run manage.py forget_person" in line for line in caplog.messages
    )


@pytest.mark.usefixtures("stream")
def test_readyz_fails_while_a_migration_is_missing(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    recorder = MigrationRecorder(connection)
    newest = max(name for app, name in recorder.applied_migrations() if app == "events")
    recorder.record_unapplied("events", newest)
    try:
        response = client.get("/readyz")
    finally:
        recorder.record_applied("events", newest)

    assert response.status_code == 503
    assert response.json()["ready"] is False
    assert response.json()["failures"] == {"database": NO_DETAILS}
    remedy = "run manage.py migrate (runbook: migrations-are-missing)"
    assert f"not ready: database: the database lacks events.{newest}: {remedy}" in caplog.messages
    assert client.get("/readyz").status_code == 200
