"""The commands that run for ever end at a limit, so that a supervisor starts a fresh process."""

import logging
import signal
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events.processes.limits import spread

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

COMMANDS = ("relay_events", "run_jobs")


@pytest.fixture(autouse=True)
def _look_often(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EVENTS_RELAY_INTERVAL_SECONDS = 0.02
    monkeypatch.setattr("tickets.management.commands.run_jobs.POLL_SECONDS", 0.02)


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("command", COMMANDS)
def test_it_ends_after_the_time_limit(command: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        call_command(command, "--time-limit=0.1")

    assert "s are over" in caplog.text


@pytest.mark.parametrize("command", COMMANDS)
def test_it_ends_above_the_memory_limit(command: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        call_command(command, "--memory-limit=1")

    assert "MB of memory" in caplog.text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("limit", ["--time-limit=5", "--memory-limit=5"])
def test_a_limit_beside_once_is_refused(command: str, limit: str) -> None:
    with pytest.raises(CommandError, match="--once ends by itself: leave out --time-limit and --memory-limit"):
        call_command(command, "--once", limit)


def test_processes_that_start_together_do_not_end_together() -> None:
    found = [spread(3600) for _ in range(200)]

    assert 3240 <= min(found) < 3300
    assert 3540 < max(found) <= 3600
