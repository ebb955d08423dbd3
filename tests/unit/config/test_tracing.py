"""Whether a process traces is said by the environment; a collector that is away keeps none from its end."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest
from pytest_django import Settings

from config.checks import check_tracing

PROGRAM = """
import atexit, time
atexit.register(lambda: print("ended after", time.monotonic() - ending))
import django
django.setup()
from config import tracing
from events.tracing import span
tracing.END_SECONDS = 0.3
for _ in range(3):
    with span("store"):
        pass
ending = time.monotonic()
"""


def run(**variables: str) -> list[str]:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"} | variables
    run = subprocess.run((sys.executable, "-c", PROGRAM), env=environment, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def test_the_console_exporter_prints_a_line_for_each_span() -> None:
    *spans, _ended = run(OTEL_TRACES_EXPORTER="console", OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test")

    assert [json.loads(span)["name"] for span in spans] == ["store"] * 3
    attributes = json.loads(spans[0])["resource"]["attributes"]
    assert (attributes["service.name"], attributes["deployment.environment"]) == ("tickets", "test")


def test_a_process_ends_although_the_collector_never_answers() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        *_, ended = run(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_TIMEOUT="600")

    assert 0.3 <= float(ended.rpartition(" ")[2]) < 20  # Of itself OpenTelemetry waits for 30 s.


def test_nothing_is_printed_or_loaded_unless_it_is_asked_for() -> None:
    assert len(run()) == 1


def test_missing_packages_are_an_error_where_traces_are_wanted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_tracing() == []
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert check_tracing() == []

    settings.OTEL_TRACES_EXPORTER = "otlp"
    [error] = check_tracing()

    assert error.id == "config.E004"
    assert "run `uv sync --group tracing`" in error.msg
