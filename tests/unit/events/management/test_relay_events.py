"""The relay's process outlives whatever fails."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from events import record, unit_of_work
from events.management.commands.relay_events import _relay_or_log
from events.processes.migrations import Tables
from events.processes.throttled_log import ThrottledLog
from events.relay.turns import Relay
from events.stream.interface import open_stream
from tests.things import ThingMade

logger = logging.getLogger("events.relay")


@pytest.mark.django_db
def test_the_database_may_fail_while_redis_is_away(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would close the transaction of the test.
    monkeypatch.setattr("events.management.commands.relay_events.connections.close_all", lambda: None)
    settings.EVENTS_FLUSH_ON_COMMIT = False
    with unit_of_work():
        record(ThingMade(name="a"))
    relay, tables, throttled_log = Relay(open_stream(timeout_seconds=0.1)), Tables(), ThrottledLog(logger)
    tables.expect()

    def fail_after_redis(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        """Fail at the statement that gives positions although Redis does not answer."""
        if "Redis does not answer" in caplog.text:
            raise OperationalError("the database does not answer")
        return execute(sql, *arguments)

    with connection.execute_wrapper(fail_after_redis):
        assert _relay_or_log(relay, tables, throttled_log) is False

    assert "the database does not answer" in caplog.text
