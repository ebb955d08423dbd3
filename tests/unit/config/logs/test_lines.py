"""Test what a line of the log has: the request that caused it, and no text that passes for another line."""

import logging
from collections.abc import Iterator
from io import StringIO
from uuid import UUID

import pytest
from django.test import Client

from config.logs.lines import LineFormatter
from events.correlation import MOST_IDS, correlated, ids_of
from events.exceptions import Unprocessable
from events.recording.collector import Collector, collecting
from events.testing import run_until_idle
from tests.letters import Ordered, happen

REQUEST = "find-me-123"
logger = logging.getLogger("tests.lines")


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the project's own handler writes meanwhile."""
    [handler] = [found for found in logging.getLogger().handlers if isinstance(found.formatter, LineFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    written = StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "host", "loggers"),
    [
        ("/nowhere/", "testserver", {"config.web.requests.access_log", "django.request"}),
        ("/api/tickets/", "testserver", {"config.web.requests.access_log", "django.request"}),
        ("/", "evil.example", {"config.web.requests.access_log", "django.security.DisallowedHost"}),
    ],
)
def test_each_line_of_a_request_has_its_id_and_so_has_the_answer(
    log: StringIO, path: str, host: str, loggers: set[str]
) -> None:
    response = Client().get(path, headers={"X-Request-ID": REQUEST, "Host": host})

    lines = log.getvalue().splitlines()
    assert {line.split()[3] for line in lines} >= loggers  # A refusal has no traceback.
    assert [line for line in lines if f"[{REQUEST}]" not in line] == []
    assert response.headers["X-Request-ID"] == REQUEST


def test_an_address_can_imitate_no_part_of_its_line(log: StringIO) -> None:
    address = "/x:%20200%20in%203%20ms%20for%206.6.6.6%0AINFO%20security%20%C3%A9%E2%80%A8"

    Client().get(address)

    assert [f"GET {address}: 404 in " in line for line in log.getvalue().splitlines() if "access_log" in line] == [True]


@pytest.mark.parametrize("sent", ["", "a b", "a,b", "${jndi:x}", "<b>", "x" * 129, "é"])
def test_an_id_that_is_no_word_is_replaced(log: StringIO, sent: str) -> None:
    response = Client().get("/healthz", headers={"X-Request-ID": sent, "Host": "10.0.0.9"})

    assert UUID(response.headers["X-Request-ID"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stream")
def test_each_line_about_an_event_has_the_id_of_the_request_that_caused_it(log: StringIO) -> None:
    for request, thing in ((REQUEST, "a"), ("another", "b")):
        with collecting(Collector(correlation_id=request)) as collector:
            happen(thing)
        collector.close()
    group = Ordered()
    group.refuses = {"a": Unprocessable("no"), "b": Unprocessable("no")}

    run_until_idle("things", group)

    lines = log.getvalue().splitlines()
    assert [line.split()[3:7] for line in lines if " parks " in line] == [
        ["events.consumer.settling", f"[{REQUEST}]", "things", "parks"],
        ["events.consumer.settling", "[another]", "things", "parks"],
    ]
    assert any(f"[{REQUEST} another] things splits a batch of 2" in line for line in lines)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stream")
def test_a_failure_that_is_tried_again_keeps_the_ids(log: StringIO) -> None:
    with collecting(Collector(correlation_id=REQUEST)) as collector:
        happen("a")
    collector.close()
    group = Ordered()
    group.refuses = {"a": ValueError("once more")}

    with pytest.raises(ValueError, match="once more") as failed:
        run_until_idle("things", group)

    assert ids_of(failed.value) == (REQUEST,)


def test_many_ids_are_cut(log: StringIO) -> None:
    with correlated(str(number) for number in range(MOST_IDS + 2)):
        logger.warning("a batch")

    assert "[0 1 2 3 4 5 6 7 8 9 and 2 more] a batch\n" in log.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x85", "\x0b"])
def test_no_text_begins_a_line_or_moves_the_cursor(log: StringIO, end: str) -> None:
    forged = f"x{end}2026-11-29 00:00:00,000 CRITICAL security \x1b[2Jall is well"

    logger.warning("%s", forged)
    logger.error("failed: %s", forged, exc_info=ValueError(forged))

    lines = log.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("    | ") and "tests.lines" not in line] == []
    assert "\x1b" not in log.getvalue()


@pytest.mark.django_db
def test_an_address_can_not_forge_a_line(log: StringIO) -> None:
    Client().get("/x%0a2026-11-29%20CRITICAL%20security%20%1b[2J")

    assert not any(line.startswith("2026-11-29 CRITICAL") for line in log.getvalue().splitlines())
    assert "\x1b" not in log.getvalue()
