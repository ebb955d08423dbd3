"""manage.py doctor in its own process, while servers hang, refuse, are full or read-only: the cause first, in time."""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from config.supervisord.ports import LOOPBACK, free_port
from tests.database_server import hanging, read_only
from tests.network.hung_server import hung_server
from tests.network.redis_servers import VALKEY, running_server
from tests.processes import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN_SECONDS = 20
"""The doctor's ten, and what a busy machine takes to start it."""


def faults(**variables: str) -> list[dict[str, Any]]:
    before = time.monotonic()
    doctor = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=ROOT,
        env=environment(**variables),
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert time.monotonic() - before < WITHIN_SECONDS
    assert doctor.returncode == 1
    return [found for found in json.loads(doctor.stdout) if found["remedy"]]


def test_a_hung_database_is_reported_once() -> None:
    with hanging():
        found = faults()

    assert found[0]["about"] == "database"
    assert [fault["about"] for fault in found].count("database") == 1
    assert {fault["about"] for fault in found} <= {"database", "target"}


def test_a_refusing_database_is_reported_once_with_the_variable_s_name() -> None:
    [found, *further] = faults(DATABASE_URL=f"postgresql://postgres@{LOOPBACK}:{free_port()}/tickets")

    assert found["found"].startswith("the database does not answer: ")
    assert found["remedy"] == "start it, or correct DATABASE_URL"
    assert {fault["about"] for fault in further} <= {"target"}


def test_a_hung_target_is_named_and_not_the_database_that_answered() -> None:
    with hung_server() as elasticsearch:
        found = faults(ELASTICSEARCH_URL=f"http://{elasticsearch}")

    assert [fault["about"] for fault in found if fault["found"].startswith("no answer")] == ["target of readmodel"]


def test_everything_hung_takes_no_longer() -> None:
    with ExitStack() as stack:
        stack.enter_context(hanging())
        redis, elasticsearch = (stack.enter_context(hung_server()) for _ in range(2))
        found = faults(EVENT_STREAM_URL=f"redis://{redis}/tickets", ELASTICSEARCH_URL=f"http://{elasticsearch}")

    assert [fault["about"] for fault in found][:2] == ["database", "stream"]
    assert found[1]["remedy"] == "see whether it hangs; restart it if so"


def test_a_read_only_database_is_the_only_fault_of_the_database() -> None:
    with read_only():
        found = faults()

    assert found[0]["found"] == "it is read-only, so nothing can be written"
    assert {fault["about"] for fault in found} <= {"database", "target"}


def test_a_full_redis_is_named_and_no_relay_is_asked_for(tmp_path: Path) -> None:
    with running_server(VALKEY, tmp_path / "full") as server:
        server.client.config_set("maxmemory-policy", "noeviction")
        server.client.config_set("maxmemory", 1)
        found = faults(EVENT_STREAM_URL=server.url)

    assert found[0]["about"] == "Redis's memory"
    assert "it is full" in found[0]["found"]
    assert found[0]["remedy"].startswith("raise maxmemory")
    assert not any("relay_events" in fault["remedy"] for fault in found)


def test_a_forgotten_migration_is_named() -> None:
    recorder = MigrationRecorder(connection)
    newest = max(name for app, name in recorder.applied_migrations() if app == "events")
    recorder.record_unapplied("events", newest)
    try:
        found = faults()
        consumer, relay = (
            subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=environment(),
                check=False,
                stderr=subprocess.PIPE,
                text=True,
            )
            for command in (("consume_events", "readmodel", "--failure-limit=1"), ("relay_events", "--once"))
        )
    finally:
        recorder.record_applied("events", newest)

    said = f"the database lacks events.{newest}"
    assert (found[0]["found"], found[0]["remedy"]) == (said, "run manage.py migrate")
    for process in (consumer, relay):
        assert process.returncode == 1
        assert f"{said}: run manage.py migrate" in process.stderr
