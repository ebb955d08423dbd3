"""Test that a process serves its metrics on a port, as soon as no other program has it."""

import socket
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from pytest_django import Settings

from config.metrics import serving
from config.supervisord.ports import LOOPBACK, free_port, is_free
from events.management.metrics_port import MetricsPort
from tests.waiting import wait_until


def metrics(port: int) -> str:
    return httpx.get(f"http://{LOOPBACK}:{port}/metrics", trust_env=False).text


def test_the_metrics_of_this_process_are_served_during_the_block() -> None:
    port = free_port()

    with serving.serving_metrics(port):
        wait_until(lambda: not is_free(port))
        found = metrics(port)

    assert "events_appended_total" in found
    assert "process_resident_memory_bytes" in found
    assert is_free(port)


def test_a_taken_port_is_warned_of_once_and_taken_when_it_is_free(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "RETRY_SECONDS", 0.01)
    with socket.create_server((LOOPBACK, 0)) as taken:
        port: int = taken.getsockname()[1]
        with serving.serving_metrics(port):
            wait_until(lambda: len(caplog.records) > 0)
            taken.close()
            wait_until(lambda: "events_appended_total" in (metrics(port) if not is_free(port) else ""))

    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert f"no metrics on port {port} until it is free" in caplog.text


served: list[int] = []


@contextmanager
def noted(port: int) -> Iterator[None]:
    served.append(port)
    yield


def test_a_distance_is_counted_from_the_setting_and_none_is_served_without_it(settings: Settings) -> None:
    settings.EVENTS_METRICS_SERVER = f"{__name__}.noted"
    served.clear()
    for base, text in ((0, "+1"), (0, "9000"), (9100, "+1"), (9100, "0")):
        settings.EVENTS_METRICS_PORT = base
        with MetricsPort.parse(text).served():
            pass

    assert served == [9000, 9101]


@pytest.mark.parametrize("text", ["65536", "-1", "+", "web"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        MetricsPort.parse(text)
