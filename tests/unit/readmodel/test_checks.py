"""Settings of the read model that can't work are named when a process starts."""

from typing import Any

import pytest
from django.core.checks import run_checks

pytestmark = pytest.mark.django_db  # Django's own checks ask SQLite whether it knows JSON.


def ids() -> list[str | None]:
    return [message.id for message in run_checks() if str(message.id).startswith("readmodel.")]


@pytest.mark.parametrize(
    "url", ["http://localhost:9200", "https://user:p%40ss@search.example.org", "http://[::1]:9200/es"]
)
def test_url_of_a_server_passes(settings: Any, url: str) -> None:
    settings.ELASTICSEARCH_URL = url

    assert ids() == []


@pytest.mark.parametrize("url", ["", "localhost:9200", "http://", "http://user:secret@host:port"])
def test_url_that_names_no_server_is_an_error(settings: Any, url: str) -> None:
    settings.ELASTICSEARCH_URL = url

    assert ids() == ["readmodel.E001"]
    assert "secret" not in str(run_checks())


@pytest.mark.parametrize("alias", ["", "Tickets", "-tickets", "tickets*", "tick,ets", "x" * 201])
def test_alias_that_elasticsearch_can_not_take_is_an_error(settings: Any, alias: str) -> None:
    settings.READMODEL_ALIAS = alias

    assert ids() == ["readmodel.E002"]


def test_an_audit_of_less_than_nothing_is_an_error(settings: Any) -> None:
    settings.READMODEL_AUDIT_PER_SECOND = -1

    assert ids() == ["readmodel.E003"]
