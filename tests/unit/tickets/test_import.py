import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

import tickets
from events.models import LogEntry
from tests.tickets import issue, recorded, rows
from tickets.csv_import import importing
from tickets.csv_import.rows import TICKET_COLUMNS
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

ROW = {
    "code": "",
    "title": "Ночь музеев",
    "venue": "Großer Saal",
    "starts_at": "2027-05-01T22:00:00+02:00",
    "seat": "",
    "holder_name": "José Núñez",
    "holder_email": "jose@example.org",
    "price": "25",
    "currency": "EUR",
    "status": "issued",
}
SAMPLE = Path(tickets.__file__).with_name("sample_tickets.csv")


def csv_of(*changes: dict[str, str], line_end: str = "\r\n") -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, TICKET_COLUMNS, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(ROW | change for change in changes)
    return file.getvalue().encode()


@pytest.fixture
def import_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command on the content; return its standard error, its output and its failure."""

    def run(content: bytes, *options: str) -> str:
        file = tmp_path / "tickets.csv"
        file.write_bytes(content)
        try:
            call_command("import_tickets", str(file), *options)
        except CommandError as error:
            said = capsys.readouterr()
            return f"{said.err}{said.out}{error}"
        said = capsys.readouterr()
        return said.err + said.out

    return run


type Run = Callable[..., str]


class TestGoodFile:
    def test_each_row_becomes_a_ticket_with_its_events(self, import_csv: Run) -> None:
        said = import_csv(
            csv_of({"code": "A"}, {"code": "B", "status": "canceled"}, {"code": "C", "status": "checked_in"})
        )

        assert said == "3 issued, 1 of them canceled, 1 checked in; 0 already known; 0 bad\n"
        tickets = {ticket.code: ticket for ticket in Ticket.objects.all()}
        replacement = tickets["B"].replacement
        assert {code: tickets[code].status for code in "ABC"} == {"A": "issued", "B": "canceled", "C": "checked_in"}
        assert tickets.keys() == {"A", "B", "C", replacement.code}
        assert tickets["A"].price == Decimal("25.00")
        assert [(event.ticket.code, event.ticket.status, event.ticket.version) for event in recorded()] == [
            ("A", "issued", 1),
            ("B", "issued", 1),
            ("C", "issued", 1),
            ("B", "canceled", 2),
            (replacement.code, "issued", 1),
            ("C", "checked_in", 2),
        ]

    @pytest.mark.parametrize(
        "content",
        [
            csv_of({"code": "A"}, line_end="\n"),
            csv_of({"code": "A"}, line_end="\r"),
            "\ufeff".encode() + csv_of({"code": "A"}),
            csv_of({"code": "A"}) + b"\r\n\r\n",
            csv_of({"code": " A "}),
        ],
        ids=["LF", "CR", "BOM", "blank lines", "spaces"],
    )
    def test_files_of_spreadsheet_programs_are_accepted(self, import_csv: Run, content: bytes) -> None:
        import_csv(content)

        assert Ticket.objects.get().code == "A"

    def test_a_value_of_several_lines_becomes_one_line(self, import_csv: Run) -> None:
        import_csv(csv_of({"title": "two\r\nlines"}))

        assert Ticket.objects.get().title == "two lines"

    def test_a_code_in_another_spelling_is_the_same_ticket(self, import_csv: Run) -> None:
        import_csv(csv_of({"code": "VIP-X1"}))

        said = import_csv(csv_of({"code": "vipx1"}, {"code": "Vip-X-1", "title": "Other"}), "--on-error", "skip")

        assert "line 3: title: ticket VIP-X1 already exists, with 'Ночь музеев'." in said
        assert "0 issued, 0 of them canceled, 0 checked in; 1 already known; 1 bad" in said

    def test_columns_may_be_in_any_order(self, import_csv: Run) -> None:
        names = sorted(TICKET_COLUMNS)

        import_csv(f"{','.join(names)}\n{','.join(ROW[name] for name in names)}\n".encode())

        assert Ticket.objects.get().holder_name == "José Núñez"

    def test_a_file_with_only_a_header_imports_nothing(self, import_csv: Run) -> None:
        assert import_csv(csv_of()) == "0 issued, 0 of them canceled, 0 checked in; 0 already known; 0 bad\n"

    def test_a_hyphen_reads_the_standard_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "tickets.csv").write_bytes(csv_of({"code": "A"}))

        with (tmp_path / "tickets.csv").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            call_command("import_tickets", "-")

        assert Ticket.objects.get().code == "A"

    def test_the_sample_file_can_be_imported_twice(self, import_csv: Run) -> None:
        first = import_csv(SAMPLE.read_bytes())
        before = rows(), LogEntry.objects.count()

        again = import_csv(SAMPLE.read_bytes())

        assert first.startswith("300 issued")
        assert again == "0 issued, 0 of them canceled, 0 checked in; 300 already known; 0 bad\n"
        assert (rows(), LogEntry.objects.count()) == before


class TestKnownCode:
    def test_a_row_equal_to_the_stored_ticket_changes_nothing(self, import_csv: Run) -> None:
        content = csv_of({"code": "A"}, {"code": "B", "status": "canceled"}, {"code": "C", "status": "checked_in"})
        import_csv(content)
        before = rows(), recorded()

        assert "0 issued, 0 of them canceled, 0 checked in; 3 already known; 0 bad" in import_csv(content)
        assert (rows(), recorded()) == before

    def test_a_difference_is_reported_by_line_and_column(self, import_csv: Run) -> None:
        issue(code="A", title="Ночь музеев", seat="", price=Decimal("24.00"))
        before = rows(), recorded()

        said = import_csv(csv_of({"code": "A", "starts_at": "2027-05-01T20:00:00Z", "status": "canceled"}))

        assert "line 2: price: ticket A already exists, with '24.00'." in said
        assert "status: ticket A already exists, with 'issued'." in said
        assert "starts_at" not in said
        assert (rows(), recorded()) == before

    @pytest.mark.parametrize("rows_per_chunk", [1, 1_000])
    def test_a_code_used_earlier_in_the_file_is_compared_with_that_row(
        self, import_csv: Run, monkeypatch: pytest.MonkeyPatch, rows_per_chunk: int
    ) -> None:
        monkeypatch.setattr(importing, "ROWS_PER_CHUNK", rows_per_chunk)
        canceled = {"code": "A", "status": "canceled"}

        said = import_csv(csv_of(canceled, canceled, canceled | {"seat": "other"}), "--on-error=skip")

        assert "line 4: seat: ticket A already exists, with ''." in said
        assert "1 issued, 1 of them canceled, 0 checked in; 1 already known; 1 bad" in said


class TestBadRow:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"starts_at": "2027-05-01T20:00:00"}, "starts_at: This time has no time zone; add its offset"),
            ({"starts_at": "1.5.2027"}, "starts_at: “1.5.2027” value has an invalid format."),
            ({"price": "12,50"}, "price: “12,50” value must be a decimal number."),
            ({"price": "-1"}, "price: Ensure this value is greater than or equal to 0."),
            ({"currency": "euro"}, "currency: "),
            ({"status": "sold"}, "status: 'sold' is not one of issued, checked_in, canceled."),
            ({"title": "x" * 201}, "title: Ensure this value has at most 200 characters (it has 201)."),
            ({"title": "\0"}, "title: This text has a NUL or an invalid character; write it in UTF-8"),
            ({"code": "x" * 21}, "code: Ensure this value has at most 20 characters (it has 21)."),
            ({"holder_email": ""}, "holder_email: This field cannot be blank."),
        ],
    )
    def test_a_bad_row_is_reported_with_line_column_and_reason(
        self, import_csv: Run, change: dict[str, str], message: str
    ) -> None:
        said = import_csv(csv_of({}, change))

        assert f"line 3: {message}" in said
        assert "Bad rows: 1; nothing was written; correct the file and import it again." in said
        assert rows() == []
        assert recorded() == []

    def test_every_bad_row_and_column_is_reported(self, import_csv: Run) -> None:
        said = import_csv(csv_of({"price": "x", "currency": "y"}, {}, {"status": "z"}))

        assert "line 2: price: " in said
        assert "currency: 'y'" in said
        assert "line 4: status: " in said
        assert "0 issued, 0 of them canceled, 0 checked in; 0 already known; 2 bad" in said

    def test_line_numbers_count_values_of_several_lines(self, import_csv: Run) -> None:
        said = import_csv(csv_of({"title": "two\r\nlines"}, {"venue": "three\n\nlines"}, {"price": "x"}))

        assert "line 7: price" in said

    def test_bytes_that_are_not_utf8_are_reported_by_line_and_column(self, import_csv: Run) -> None:
        said = import_csv(csv_of({}, {}).replace("José".encode(), "José".encode("latin-1"), 1))

        assert "line 2: holder_name: This text has a NUL or an invalid character; write it in UTF-8" in said
        assert "line 3" not in said

    def test_a_row_with_too_few_values_is_reported(self, import_csv: Run) -> None:
        assert "line 2: The row has 2 values for 10 columns." in import_csv(csv_of() + b"A,B\n")

    @pytest.mark.parametrize("tail", [b'"never closed\n' * 3, b'"closed"but not at the end\n'])
    def test_rows_after_a_broken_quote_are_not_read(self, import_csv: Run, tail: bytes) -> None:
        said = import_csv(csv_of({"code": "A"}) + tail, "--on-error=skip")

        assert "line 3: This is not valid CSV" in said
        assert "Bad rows: 1; the other rows were written; import the corrected rows by themselves." in said
        assert Ticket.objects.get().code == "A"

    @pytest.mark.parametrize("rows_per_chunk", [1, 2, 1_000])
    def test_skip_writes_the_good_rows(
        self, import_csv: Run, monkeypatch: pytest.MonkeyPatch, rows_per_chunk: int
    ) -> None:
        monkeypatch.setattr(importing, "ROWS_PER_CHUNK", rows_per_chunk)

        said = import_csv(csv_of({"code": "A"}, {"price": "x"}, {"code": "C"}), "--on-error=skip")

        assert "line 3: price" in said
        assert sorted(ticket.code for ticket in Ticket.objects.all()) == ["A", "C"]

    @pytest.mark.parametrize("rows_per_chunk", [1, 2, 1_000])
    def test_stop_writes_nothing_even_if_the_last_row_is_bad(
        self, import_csv: Run, monkeypatch: pytest.MonkeyPatch, rows_per_chunk: int
    ) -> None:
        monkeypatch.setattr(importing, "ROWS_PER_CHUNK", rows_per_chunk)

        import_csv(csv_of({"code": "A"}, {"code": "B", "status": "canceled"}, {"price": "x"}))

        assert rows() == []
        assert recorded() == []


class TestNoTicketFile:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "The file is empty. Its first line must name the columns: code,title,"),
            (b"code;title;venue\n", "line 1: 'code' is missing. 'title' is missing."),
            (csv_of().replace(b"seat", b"row"), "line 1: 'seat' is missing. 'row' is unknown. The columns are code,"),
            (csv_of().replace(b"seat", b"seat,seat"), "line 1: 'seat' is named more than once."),
            (csv_of().decode().encode("utf-16"), "separated by commas, in UTF-8."),
            (b'"code', "line 1: This is not valid CSV"),
        ],
        ids=["empty", "semicolons", "unknown", "double", "UTF-16", "quote"],
    )
    def test_the_first_line_must_name_the_columns(self, import_csv: Run, content: bytes, message: str) -> None:
        assert message in import_csv(content)

    def test_a_missing_file_is_reported(self) -> None:
        with pytest.raises(CommandError, match="nowhere.csv: No such file or directory"):
            call_command("import_tickets", "nowhere.csv")
