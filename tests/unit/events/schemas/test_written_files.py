"""The files that are written from this project's event classes are current."""

from pkgutil import resolve_name

import pytest
from django.core.management import call_command
from pytest_django import Settings

from config.settings import BASE_DIR, EVENTS_SCHEMA_LOCK

OURS = {"events", "readmodel", "tickets"}


@pytest.fixture(autouse=True)
def _without_events_of_tests(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    by_class = {kind: event for kind, event in resolve_name("events.event._by_class").items() if _is_ours(kind)}
    upcasters = {key: found for key, found in resolve_name("events.upcasting._upcasters").items() if _is_ours(found)}
    monkeypatch.setattr("events.event._by_class", by_class)
    monkeypatch.setattr("events.event._by_name", {event.name: event for event in by_class.values()})
    monkeypatch.setattr("events.upcasting._upcasters", upcasters)


def _is_ours(found: object) -> bool:
    return found.__module__.partition(".")[0] in OURS


def test_the_page_of_this_projects_events_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("event_catalogue", "--format", "markdown")

    # Written by the same command: `manage.py event_catalogue --format markdown > docs/events.md`
    assert (BASE_DIR / "docs/events.md").read_text() == capsys.readouterr().out


def test_the_lock_file_of_this_project_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_event_schemas")

    assert capsys.readouterr().out.startswith(f"{EVENTS_SCHEMA_LOCK} is up to date: ")
