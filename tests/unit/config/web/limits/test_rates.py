"""The rates of users and addresses over REST; tests/faults/test_hostile_clients.py has those of nginx."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

TICKETS = "/api/tickets/"
NOW = 1_800_000_010.0
"""Ten seconds after a period has begun."""

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counting_begins_and_time_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    caches["rates"].clear()
    monkeypatch.setattr(time, "time", lambda: NOW)


def client_of(name: str) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser(name))
    return client


def expect_refused(answer: Any) -> None:
    assert (answer.status_code, answer["Retry-After"]) == (429, "50")
    assert answer["Content-Type"] == "application/problem+json"
    assert "50 seconds" in answer.json()["detail"]


def test_a_user_who_sends_too_many_requests_is_told_when_to_come_back(settings: Settings) -> None:
    settings.API_USER_PER_MINUTE = 2
    busy, other = client_of("busy"), client_of("other")

    assert [busy.get(TICKETS).status_code for _ in range(2)] == [200, 200]
    expect_refused(busy.get(TICKETS))
    assert other.get(TICKETS).status_code == 200


def test_a_user_may_go_on_in_the_next_period(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.API_USER_PER_MINUTE = 1
    busy = client_of("busy")
    assert [busy.get(TICKETS).status_code for _ in range(2)] == [200, 429]

    monkeypatch.setattr(time, "time", lambda: NOW + 50)

    assert busy.get(TICKETS).status_code == 200


def test_an_address_is_limited_also_without_a_user_but_only_at_the_api(client: Client, settings: Settings) -> None:
    settings.API_ADDRESS_PER_MINUTE = 2

    assert [client.get(TICKETS).status_code for _ in range(2)] == [401, 401]
    expect_refused(client.get(TICKETS))
    expect_refused(client_of("somebody").get(TICKETS))
    assert client.get(TICKETS, REMOTE_ADDR="10.0.0.1").status_code == 401
    assert client.get("/healthz").status_code == 200
