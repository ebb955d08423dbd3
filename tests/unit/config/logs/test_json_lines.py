"""Each record is one line of valid JSON in ASCII, whatever is in it, and has nothing that may be personal."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from config.logs.json_lines import LONGEST_LINE, JSONFormatter
from config.logs.lines import LineFormatter
from config.logs.private import QueryFilter
from config.logs.settings import logging_settings
from events import database, record
from events.correlation import correlated
from events.recording.collector import Collector, collecting
from events.testing import run_until_idle
from tests.letters import Ordered
from tests.things import ThingMade

logger = logging.getLogger("tests.json_lines")
ANY_TEXT = st.text(st.characters(exclude_categories=()))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary() | st.uuids() | st.datetimes()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(SCALARS, inner) | st.frozensets(SCALARS), max_leaves=5
)


class Unspeakable:
    """Its text can't be made."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.fixture
def records() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the project's own handler writes meanwhile, as JSON."""
    [handler] = [found for found in logging.getLogger().handlers if isinstance(found.formatter, LineFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    written, before, formatter = StringIO(), handler.stream, handler.formatter
    handler.setStream(written)
    handler.setFormatter(JSONFormatter())
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setFormatter(formatter)
    handler.setStream(before)


def raised(error: Exception, *, because: Exception) -> Exception:
    """Return the error with its traceback."""
    try:
        raise error from because
    except type(error):
        return error


def formatted(message: object, *args: object, error: BaseException | None = None, **extra: object) -> dict[str, Any]:
    """Format a record, and read it as a strict reader does."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    written = logging.LogRecord("tests", logging.WARNING, __file__, 1, message, args, exc_info)
    vars(written).update(extra)
    line = JSONFormatter().format(written)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= LONGEST_LINE
    read: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    json.dumps(read, ensure_ascii=False).encode()  # No half surrogates.
    return read


@example("\ud800", "\udfff", {"\udc00": "\ud800"}, "half of a character: \udcff")
@given(ANY_TEXT, ANYTHING, st.dictionaries(ANY_TEXT, ANYTHING), ANY_TEXT)
def test_each_record_is_one_line_of_valid_json(message: str, value: Any, extra: dict[str, Any], reason: str) -> None:
    shown = formatted(message, extra=extra, value=value, error=ValueError(reason), **{"it's": value})

    assert list(shown)[:5] == ["time", "level", "logger", "message", "process"]
    assert shown["exception"]["type"] == "ValueError"


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\u2028" * 100_000, "\x1b" * 50_000, "😀" * 50_000])
def test_a_huge_record_is_shortened_and_says_so(text: str) -> None:
    shown = formatted("%s", text, error=ValueError(text), many=[text] * 100, deep={"a": {"b": {"c": text}}})

    assert shown["shortened"] is True
    assert shown["message"].startswith(text[:100])


def test_an_object_tells_its_class_alone_and_no_text_of_it_is_needed() -> None:
    endless: list[Any] = []
    endless.append(endless)

    shown = formatted("%s", Unspeakable(), thing=Unspeakable(), endless=endless, number=10**30, error=RuntimeError())

    assert shown["message"] == "%s (its arguments can't be shown)"
    assert shown["thing"] == "<Unspeakable>"
    assert shown["number"] == "<a large integer>"
    assert shown["endless"] == [[[["<list>"]]]]


def test_arguments_that_do_not_fit_leave_the_sentence() -> None:
    assert formatted("%d and %d", 1)["message"] == "%d and %d (its arguments can't be shown)"


def test_an_exception_has_its_type_and_where_it_was_raised() -> None:
    shown = formatted("failed", error=raised(KeyError("seat"), because=ValueError("before")))

    assert shown["exception"]["type"] == "KeyError"
    assert shown["exception"]["message"] == "'seat'"
    assert "ValueError: before" in shown["exception"]["stack"]
    assert "raise error from because" in shown["exception"]["stack"]


@pytest.mark.parametrize("formatter", [JSONFormatter(), LineFormatter()])
def test_values_of_rows_are_in_no_line(formatter: logging.Formatter) -> None:
    error = DatabaseError("value is too long\nDETAIL:  Failing row contains (7, Ada\nLovelace).")
    found = raised(ValueError("can't be stored"), because=error)
    exc_info = (ValueError, found, found.__traceback__)
    written = logging.LogRecord("tests", logging.ERROR, __file__, 1, "refused: %s, %r", (error, error), exc_info)

    line = formatter.format(written)

    assert "value is too long" in line
    assert "can't be stored" in line
    assert "Lovelace" not in line
    assert "Ada" not in line


def test_the_development_server_logs_no_query() -> None:
    written = logging.LogRecord("django.server", 20, "", 1, '"%s" %s', ("GET /?q=Ada%20Lovelace HTTP/1.1", "200"), None)

    QueryFilter().filter(written)

    assert written.getMessage() == '"GET / HTTP/1.1" 200'
    assert logging_settings(form="json", level="INFO")["loggers"]["django.server"]["filters"] == ["queries"]


@pytest.mark.django_db
def test_the_line_of_a_request_has_fields_and_neither_query_nor_name(
    records: Callable[[], list[dict[str, Any]]], client: Client
) -> None:
    user = User.objects.create_user("ada", password="x")
    client.force_login(user)

    client.get("/api/tickets/", {"q": "Lovelace"}, headers={"X-Request-ID": "find-me"})

    [line] = [line for line in records() if line["logger"].endswith("access_log")]
    assert line.pop("duration_ms") >= 0
    assert {name: line[name] for name in list(line)[5:]} == {
        "correlation_ids": ["find-me"],
        "request_id": "find-me",
        "method": "GET",
        "path": "/api/tickets/",
        "route": "api/tickets/$",
        "status": 403,
        "address": "127.0.0.1",
        "user_id": user.pk,
    }
    assert not any("Lovelace" in json.dumps(line) for line in records())


@pytest.mark.django_db
def test_the_security_log_has_fields(records: Callable[[], list[dict[str, Any]]], client: Client) -> None:
    client.get("/api/tickets/")

    [line] = [line for line in records() if line["logger"] == "security"]
    assert line["security"] == {
        "event": "not_logged_in",
        "address": "127.0.0.1",
        "method": "GET",
        "path": "/api/tickets/",
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stream")
def test_each_stage_of_a_batch_is_one_line_with_its_verb_and_ids(
    records: Callable[[], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "events")
    collector = Collector(correlation_id="find-me")
    with collecting(collector), database.atomic():
        record(ThingMade(name="a", version=1), ThingMade(name="b", version=1))
    collector.close()
    run_until_idle("things", Ordered())

    lines = {line["verb"]: line for line in records() if "verb" in line}
    assert list(lines) == ["stored", "flushed", "appended", "consumed"]
    ids = [str(event_id) for event_id in collector.recorded.event_ids]
    assert [(line["events"], line["event_ids"]) for line in lines.values()] == [(2, ids)] * 4
    assert lines["consumed"]["correlation_ids"] == ["find-me"]
    assert (lines["consumed"]["group"], lines["consumed"]["partition"]) == ("things", 0)
    assert (lines["appended"]["first_position"], lines["appended"]["last_position"]) == (1, 2)
    assert {line["level"] for line in lines.values()} == {"DEBUG", "INFO"}


def test_the_ids_that_are_left_out_are_counted(records: Callable[[], list[dict[str, Any]]]) -> None:
    with correlated(str(number) for number in range(12)):
        logger.warning("a batch")

    [line] = records()
    assert line["correlation_ids"] == [str(number) for number in range(10)]
    assert line["correlation_ids_left_out"] == 2
