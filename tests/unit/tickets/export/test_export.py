"""Test the files that the admin exports."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from tests.permitted import permit
from tests.tickets import FIELDS, issue
from tickets.csv_import.rows import OPTIONAL_COLUMNS, TICKET_COLUMNS
from tickets.export import csv_file, rows, workbook
from tickets.models import Ticket
from tickets.values.texts import as_cell, from_cell

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume"),
]
LIST = "/admin/tickets/ticket/"
TEXTS = ("<&>\"'", "_x0041_", "_x000D_", "_x", "🎫", "&amp;")
FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "＝1", "＠x", "'=1", "''-1")


def in_csv(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbfcode,")
    return list(csv.DictReader(StringIO(content.decode("utf-8-sig"), newline="")))


def in_workbook(content: bytes) -> list[tuple[Any, ...]]:
    return list(load_workbook(BytesIO(content)).active.values)  # type: ignore[union-attr]


def test_a_file_has_the_columns_that_the_import_reads() -> None:
    ticket = issue(time_zone="Europe/Berlin", title="Ночь, «музеев»", price=Decimal(1000), currency="JPY")

    [row] = in_csv(b"".join(csv_file.chunks_of(Ticket.objects.all())))
    header, cells = in_workbook(b"".join(workbook.chunks_of(Ticket.objects.all())))

    assert {*row} == {*header} == {*TICKET_COLUMNS, *OPTIONAL_COLUMNS}
    assert row == {
        "code": ticket.code,
        "title": "Ночь, «музеев»",
        "venue": "Großer Saal",
        "starts_at": "2027-05-01T22:00:00+02:00",
        "time_zone": "Europe/Berlin",
        "seat": "Row 3, Seat 14",
        "holder_name": "José Núñez",
        "holder_email": "jose@example.org",
        "price": "1000",
        "currency": "JPY",
        "status": "issued",
    }
    assert dict(zip(header, cells, strict=True)) == {**row, "starts_at": datetime(2027, 5, 1, 22), "price": 1000}  # noqa: DTZ001


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    issue(title=text, holder_name=text)

    [row] = in_csv(b"".join(csv_file.chunks_of(Ticket.objects.all())))
    book = load_workbook(BytesIO(b"".join(workbook.chunks_of(Ticket.objects.all()))))
    cells = next(book.active.iter_rows(min_row=2))  # type: ignore[union-attr]

    assert (row["title"], row["holder_name"]) == (f"'{text}", f"'{text}")
    assert from_cell(row["title"]) == text
    assert [(cell.value, cell.data_type) for cell in (cells[1], cells[6])] == [(text, "s")] * 2


@pytest.mark.parametrize("text", ["'round midnight", "''", "'", "", "a=b"])
def test_an_apostrophe_of_the_text_itself_stays(text: str) -> None:
    assert as_cell(text) == from_cell(text) == text


def test_no_text_makes_a_workbook_unreadable() -> None:
    """Earlier releases have stored control characters."""
    issue()
    Ticket.objects.update(title="a\uffffb", seat="1\x01\ufffe2")

    [_, row] = in_workbook(b"".join(workbook.chunks_of(Ticket.objects.all())))

    assert (row[1], row[5]) == ("a\ufffdb", "1\ufffd\ufffd2")


def test_each_of_many_tickets_is_in_the_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH", 2)
    tickets = Ticket.issue_many([FIELDS] * 5)

    chunks = list(csv_file.chunks_of(Ticket.objects.all()))
    parts = list(workbook.chunks_of(Ticket.objects.all()))

    assert (len(chunks), len(parts)) == (4, 4)
    assert [cells[0] for cells in in_workbook(b"".join(parts))[1:]] == [ticket.code for ticket in tickets]
    assert [row["code"] for row in in_csv(b"".join(chunks))] == [ticket.code for ticket in tickets]


def client_with(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    permit(user, *permissions)
    client = Client()
    client.force_login(user)
    return client


def test_the_list_is_exported_as_it_is_filtered_and_searched(caplog: pytest.LogCaptureFixture) -> None:
    client = client_with("view_ticket", "export_ticket")
    issue(currency="USD", title="Wanted")
    wanted, _ = issue(title="Wanted"), issue()

    page = client.get(LIST, {"currency__exact": "EUR", "q": "wanted"}).content.decode()
    answer = client.get(f"{LIST}export.csv", {"currency__exact": "EUR", "q": "wanted"})
    book = client.get(f"{LIST}export.xlsx", {"currency__exact": "EUR", "q": "wanted"})

    assert f"{LIST}export.xlsx?currency__exact=EUR&amp;q=wanted" in page
    assert [row["code"] for row in in_csv(b"".join(answer))] == [wanted.code]
    assert [cells[0] for cells in in_workbook(b"".join(book))[1:]] == [wanted.code]
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="tickets-')
    assert 'read by="clerk" address="127.0.0.1" what="export of tickets" which="csv"' in caplog.text
    assert client.get(f"{LIST}export.csv", {"no": "filter"}).status_code == 302


@pytest.mark.parametrize("permission", ["view_ticket", "export_ticket"])
def test_exporting_needs_both_permissions(permission: str) -> None:
    client = client_with(permission)

    assert client.get(f"{LIST}export.csv").status_code == 403


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_is_in_the_workbook_as_it_is(text: str) -> None:
    ticket = issue()
    Ticket.objects.filter(id=ticket.id).update(title=text)

    book = load_workbook(BytesIO(b"".join(workbook.chunks_of(Ticket.objects.all()))))

    assert unescape(book.active["B2"].value) == text  # type: ignore[union-attr, index]


def test_days_that_excel_does_not_have_are_texts() -> None:
    ticket = issue()
    Ticket.objects.filter(id=ticket.id).update(starts_at=datetime(1066, 10, 14, tzinfo=UTC))

    assert in_workbook(b"".join(workbook.chunks_of(Ticket.objects.all())))[1][3] == "1066-10-14 00:00:00+00:00"
