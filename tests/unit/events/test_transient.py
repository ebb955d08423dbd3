import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, IntegrityError, InterfaceError, OperationalError

from events import exceptions
from events.exceptions import RetryLater, Transient, Unprocessable
from events.transient import TRANSIENT_SQLITE_CODES, TRANSIENT_SQLSTATES, is_transient

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/failures.md"


def of_client(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def busy(folder: Path) -> sqlite3.OperationalError:
    with sqlite3.connect(folder / "db") as holder, sqlite3.connect(folder / "db", timeout=0) as other:
        holder.execute("CREATE TABLE taken (id)")
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
            other.execute("BEGIN IMMEDIATE")
    holder.close()
    other.close()
    return caught.value


def test_a_busy_sqlite_is_transient(tmp_path: Path) -> None:
    assert is_transient(of_client(OperationalError(), busy(tmp_path)))


@pytest.mark.parametrize("statement", ["SELECT 1 FROM nowhere", "SELECT", "SELECT abs(-9223372036854775808)"])
def test_other_errors_of_sqlite_are_not(statement: str) -> None:
    with closing(sqlite3.connect(":memory:")) as database, pytest.raises(sqlite3.OperationalError) as caught:
        database.execute(statement)

    assert not is_transient(of_client(OperationalError(), caught.value))


@pytest.mark.parametrize("error", [OperationalError("lost"), RetryLater("down"), ImproperlyConfigured("no")])
def test_without_a_code_the_type_decides(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error", [DataError(), IntegrityError(), InterfaceError(), Unprocessable(), ZeroDivisionError(), ConnectionError()]
)
def test_anything_else_counts_as_an_attempt(error: Exception) -> None:
    assert not is_transient(error)


def test_the_reference_has_the_same_table() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", REFERENCE.read_text(), re.MULTILINE))

    sqlstates = {code: f"PostgreSQL: {meaning}" for code, meaning in TRANSIENT_SQLSTATES.items()}
    sqlite = {str(code): f"SQLite: {meaning}" for code, meaning in TRANSIENT_SQLITE_CODES.items()}
    ours = {name for name, kind in vars(exceptions).items() if isinstance(kind, type) and issubclass(kind, Transient)}
    assert sqlstates.items() | sqlite.items() <= table.items()
    named = table.keys() - sqlstates.keys() - sqlite.keys()
    assert named == (ours - {"Transient", "StreamError"}) | {"OperationalError", "ImproperlyConfigured"}
