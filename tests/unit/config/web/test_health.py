"""Test /healthz and /readyz."""

import pytest
from django.db import OperationalError, connection
from django.test import Client

from events.models import Partition
from events.stream.interface import Stream


def test_healthz_answers_while_everything_else_is_down(client: Client) -> None:
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.content == b"alive"


@pytest.mark.django_db
@pytest.mark.usefixtures("stream")
def test_readyz_is_ok_when_database_and_stream_answer(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"ready": True, "failures": {}}


@pytest.mark.django_db
def test_readyz_reports_a_stream_that_does_not_answer(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["ready"] is False
    assert response.json()["failures"].keys() == {"stream"}


@pytest.mark.django_db
@pytest.mark.usefixtures("stream")
def test_readyz_reports_a_diverged_stream(client: Client) -> None:
    Partition.objects.update(divergence="the stream ends with an entry at 7 that is not an event")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["failures"] == {
        "stream": "partition 0: the stream ends with an entry at 7 that is not an event"
    }


def test_readyz_reports_a_database_that_does_not_answer(
    client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["failures"] == {"database": "connection refused"}
