import logging

import pytest

from events.processes import throttled_log as trouble
from events.processes.throttled_log import ThrottledLog


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(trouble.time, "monotonic", lambda: now[0])
    return now


def test_an_error_is_logged_once_and_again_after_a_minute(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    throttled = ThrottledLog(logging.getLogger("test"))
    for _ in range(241):
        throttled.error("diverged")
        clock[0] += 0.5

    assert caplog.messages == ["diverged"] * 3


def test_another_error_is_logged_at_once(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    throttled = ThrottledLog(logging.getLogger("test"))
    for said in ("diverged", "down", "diverged", "down"):
        throttled.error(said)

    assert caplog.messages == ["diverged", "down"]


def test_an_error_after_a_recovery_is_logged_again(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    throttled = ThrottledLog(logging.getLogger("test"))
    throttled.error("down")
    throttled.recovered()
    throttled.recovered()
    throttled.error("down")

    assert caplog.messages == ["down", "recovered", "down"]
