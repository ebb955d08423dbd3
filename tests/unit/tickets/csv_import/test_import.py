import csv
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

import tickets
from events.models import LogEntry
from tests.tickets import issue, recorded, rows
from tickets.csv_import import importing
from tickets.csv_import.rows import TICKET_COLUMNS
from tickets.csv_import.spreadsheets import price_in
from tickets.export import csv_file
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

    def test_an_exported_file_is_known(self, import_csv: Run) -> None:
        issue(code="-A", title="=1+1", seat="-1", holder_name="'@Ada")

        said = import_csv(b"".join(csv_file.chunks_of(Ticket.objects.all())))

        assert said.startswith("0 issued, 0 of them canceled, 0 checked in; 1 already known; 0 bad")

    def test_a_file_with_only_a_header_imports_nothing(self, import_csv: Run) -> None:
        assert import_csv(csv_of()) == "0 issued, 0 of them canceled, 0 checked in; 0 already known; 0 bad\n"

    def test_a_hyphen_reads_the_standard_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "tickets.csv").write_bytes(csv_of({"code": "A"}))

        with (tmp_path / "tickets.csv").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            call_command("import_tickets", "-")

        assert Ticket.objects.get().code == "A"

    def test_a_pipe_is_read_like_a_file(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)

        with ThreadPoolExecutor(1) as threads:
            threads.submit(pipe.write_bytes, csv_of({"code": "A"}))
            call_command("import_tickets", str(pipe))

        assert Ticket.objects.get().code == "A"

    def test_a_device_is_refused_since_some_never_end(self) -> None:
        with pytest.raises(CommandError, match="^/dev/zero: This is a device"):
            call_command("import_tickets", "/dev/zero")

    def test_a_full_disk_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        full = "tickets.management.commands.import_tickets.TemporaryFile"
        monkeypatch.setattr(full, partial(Path("/dev/full").open, "wb"))
        read, write = os.pipe()
        os.write(write, csv_of({"code": "A"}))
        os.close(write)

        with open(read) as rows:
            monkeypatch.setattr("sys.stdin", rows)
            with pytest.raises(CommandError, match="^-: No space left on device"):
                call_command("import_tickets", "-")

    def test_the_sample_file_can_be_imported_twice(self, import_csv: Run) -> None:
        first = import_csv(SAMPLE.read_bytes())
        before = rows(), LogEntry.objects.count()

        again = import_csv(SAMPLE.read_bytes())

        assert first.startswith("300 issued")
        assert again.startswith(
            "0 issued, 0 of them canceled, 0 checked in; 300 already known; 0 bad. This file was imp"
        )
        assert (rows(), LogEntry.objects.count()) == before

    @pytest.mark.parametrize(
        ("delimiter", "encoding", "before", "starts_at", "price"),
        [
            (";", "cp1252", "", "01.05.2027 22:00", "25,00"),
            (";", "utf-8-sig", "", "1.5.2027 22:00:00", "25,00"),
            (";", "utf-8", "sep=;\r\n", "13.05.2027 22:00", "25"),
            ("\t", "utf-16", "", "5/13/2027 10:00 PM", "25.00"),
            ("\t", "utf-16-le", "", "13/05/2027 22:00", "25.00"),
            (";", "utf-8", "sep=\r\n", "13.05.2027 22:00", "25"),
            (",", "cp1252", "sep=,\r\n", "2027-05-13 22:00", "25.00"),
            ("\t", "utf-16", "\t\t\r\n", "2027/5/13 22:00", "25.00"),
            (";", "utf-8", ";;;\r\n", "2027. 05. 13. 22:00", "25"),
            (",", "utf-8", "", "2027-05-13 22.00", "25"),
            (",", "utf-8", "", "2027-05-13 10:00 p. m.", "25"),
            ("|", "utf-8", "", "5/5/2027 10.00 p.m.", "25"),
        ],
    )
    def test_the_dialects_of_spreadsheet_programs_are_found_out(
        self, import_csv: Run, delimiter: str, encoding: str, before: str, starts_at: str, price: str
    ) -> None:
        change = {"title": "Soirée d’été", "starts_at": starts_at, "price": price, "time_zone": "Europe/Berlin"}
        row = ROW | change | {"venue": "two\nlines"}
        empty = delimiter * (len(row) + 2)
        cells = delimiter.join('"two\nlines"' if name == "venue" else value for name, value in row.items())
        head = delimiter.join(name.replace("_", " ").title() for name in row)
        content = f"{before}{head}{delimiter * 2}\r\n{empty}\r\n{cells}{delimiter * 2}\r\n{empty}\r\n"

        said = import_csv(content.encode(encoding))

        assert "1 issued" in said
        assert ("read as cp1252" in said) == (encoding == "cp1252")
        ticket = Ticket.objects.get()
        assert (ticket.title, ticket.holder_name, ticket.price) == ("Soirée d’été", "José Núñez", Decimal(25))
        assert f"{ticket.starts_at:%m %H:%M}" == "05 20:00"

    def test_encoding_delimiter_and_time_zone_can_be_named(self, import_csv: Run) -> None:
        row = ROW | {"title": "Łódź", "holder_name": "José", "starts_at": "2027-05-01 20:00"}
        content = "\r\n".join("~".join(cells) for cells in (TICKET_COLUMNS, row.values())).replace("Großer", "Saal")

        import_csv(content.encode("cp1250"), "--encoding=cp1250", "--delimiter=~", "--time-zone=Asia/Tokyo")

        assert (Ticket.objects.get().title, Ticket.objects.get().time_zone) == ("Łódź", "Asia/Tokyo")

    @pytest.mark.parametrize("option", ["--on-error=stop", "--on-error=skip"])
    def test_the_same_file_issues_nothing_twice(self, import_csv: Run, option: str) -> None:
        content = csv_of({}, {"title": "Another"}, {"code": "A"})
        import_csv(content, option)
        before = rows(), recorded()

        said = import_csv(content, option)

        assert (
            "0 issued, 0 of them canceled, 0 checked in; 3 already known; 0 bad. This file was imported before" in said
        )
        assert (rows(), recorded()) == before

    def test_an_interrupted_import_goes_on_where_it_stopped(
        self, import_csv: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importing, "ROWS_PER_CHUNK", 1)
        content = csv_of({"title": "a"}, {"title": "b"}, {"title": "c"})
        issue_drafts = Ticket.issue_drafts

        def fail_at_the_second(drafts: list[Ticket]) -> None:
            if drafts[0].title == "b":
                raise KeyboardInterrupt
            issue_drafts(drafts)

        monkeypatch.setattr(Ticket, "issue_drafts", fail_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            import_csv(content, "--on-error=skip")
        monkeypatch.undo()
        import_csv(content, "--on-error=skip")

        assert sorted(ticket.title for ticket in Ticket.objects.all()) == ["a", "b", "c"]


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
            ({"starts_at": "1.5.2027"}, "starts_at: The time of day is missing; write it as 2027-05-01 20:00."),
            ({"starts_at": "2027-05-01"}, "starts_at: The time of day is missing"),
            ({"starts_at": "05/06/2027 20:00"}, "starts_at: Which of 5 and 6 is the month?"),
            ({"starts_at": "13.05.27 20:00"}, "starts_at: Write the year with four digits"),
            ({"starts_at": "31.02.2027 20:00"}, "starts_at: There is no such day or time"),
            ({"starts_at": "46508,83"}, "starts_at: This is a spreadsheet's number of a time"),
            ({"price": "1,250"}, "price: 1,250 could be 1250 or 1.25; write the one that is meant."),
            ({"price": "€ 5"}, "price: “€ 5” value must be a decimal number."),
            ({"price": "5.50", "currency": "JPY"}, "price: JPY has no decimals"),
            ({"price": "1_0"}, "price: “1_0” value must be a decimal number."),
            ({"price": "１０"}, "price: “１０” value must be a decimal number."),
            ({"price": "NaN"}, "price: “NaN” value must be a decimal number."),
            ({"starts_at": "２０２７-05-01T20:00"}, "starts_at: Write the hours and the minutes of this time"),
            ({"starts_at": "１.5.2027 20:00"}, "starts_at: “１.5.2027 20:00” value has an invalid format."),
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

    def test_a_long_cell_is_not_repeated_in_full(self, import_csv: Run) -> None:
        reported = import_csv(csv_of({**ROW, "currency": "E" * 100_000, "status": "s" * 100_000}))

        assert "EEE ... EEE" in reported
        assert "E' is not the ISO 4217 code of a currency" in reported
        assert "s' is not one of issued, checked_in, canceled." in reported
        assert len(reported) < 2_000

    def test_every_bad_row_and_column_is_reported(self, import_csv: Run) -> None:
        said = import_csv(csv_of({"price": "x", "currency": "y"}, {}, {"status": "z"}))

        assert "line 2: price: " in said
        assert "currency: 'y'" in said
        assert "line 4: status: " in said
        assert "0 issued, 0 of them canceled, 0 checked in; 0 already known; 2 bad" in said

    def test_line_numbers_count_values_of_several_lines(self, import_csv: Run) -> None:
        said = import_csv(csv_of({"title": "two\r\nlines"}, {"venue": "three\n\nlines"}, {"price": "x"}))

        assert "line 7 (row 4): price" in said

    def test_bytes_that_are_not_utf8_are_reported_by_line_and_column(self, import_csv: Run) -> None:
        said = import_csv(csv_of({}, {}).replace("José".encode(), "José".encode("latin-1"), 1))

        assert "line 2: holder_name: This text has a NUL or an invalid character; write it in UTF-8" in said
        assert "line 3" not in said

    def test_a_row_with_too_few_values_is_reported(self, import_csv: Run) -> None:
        assert "line 2: The row has 2 values for 10 columns; check its quotes and delimiters." in import_csv(
            csv_of() + b"A,B\n"
        )

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
            (b'sep="\ncode;title\n', "'code' is missing."),
            (b"code;title;venue\n", "'starts_at' is missing. 'seat' is missing."),
            (csv_of().replace(b"seat", b"row"), "line 1: 'seat' is missing. 'row' is unknown. The columns are code,"),
            (csv_of().replace(b"seat", b"seat,seat"), "line 1: 'seat' is named more than once."),
            (csv_of().replace(b",", b"!"), "The file was read as utf-8-sig with the delimiter ','; name others"),
            ("Größe \x81".encode("latin-1"), "neither in UTF-8 nor in cp1252; save it as UTF-8, or name its encoding."),
            ("Концерт".encode("cp1251"), "neither in UTF-8 nor in cp1252"),
            ("音乐会".encode("gb18030"), "neither in UTF-8 nor in cp1252"),
            (b"PK\x03\x04xl", "This is a spreadsheet program's own file; save the sheet as CSV."),
            (b'"code', "line 1: This is not valid CSV"),
        ],
        ids=[
            "empty",
            "quote as delimiter",
            "semicolons",
            "unknown",
            "double",
            "delimiter",
            "encoding",
            "Cyrillic",
            "Chinese",
            "workbook",
            "quote",
        ],
    )
    def test_the_first_line_must_name_the_columns(self, import_csv: Run, content: bytes, message: str) -> None:
        assert message in import_csv(content)

    def test_of_many_wrong_columns_only_some_are_named(self, import_csv: Run) -> None:
        names = ["x" * 100_000, *(f"c{number}" for number in range(100_000))]

        reported = import_csv(csv_of().replace(b"seat", ",".join(["seat", *names]).encode()))

        assert f"line 1: '{'x' * 50}' is unknown. 'c0' is unknown." in reported
        assert "'c8' is unknown. ... and 99,991 more The columns are code," in reported

    def test_a_missing_file_is_reported(self) -> None:
        with pytest.raises(CommandError, match="nowhere.csv: No such file or directory"):
            call_command("import_tickets", "nowhere.csv")


@pytest.mark.parametrize(
    ("text", "delimiter", "decimals", "price"),
    [
        ("49,90", ";", 2, "49.90"),
        ("49,90", ",", 2, "49.90"),
        ("1.234,50", ";", 2, "1234.50"),
        ("1,234.50", ",", 2, "1234.50"),
        ("1\u202f234,50", ";", 2, "1234.50"),
        ("1\u2019234.50", ",", 2, "1234.50"),
        ("1,250", ";", 3, "1.250"),
        ("1.250", ";", 3, "1.250"),
        ("1.250", ",", 3, "1.250"),
        ("0,125", ";", 2, "0.125"),
        ("1.250.000", ";", 2, "1250000"),
        ("1,250,000", ",", 2, "1250000"),
        ("1250", ";", 2, "1250"),
        ("cheap", ";", 2, "cheap"),
        ("25 EUR", ";", 2, "25 EUR"),
    ],
)
def test_prices_with_a_decimal_comma_are_read(text: str, delimiter: str, decimals: int, price: str) -> None:
    assert price_in(text, delimiter=delimiter, decimals=decimals) == price


@pytest.mark.parametrize(("text", "delimiter", "decimals"), [("1,250", ",", 2), ("1.250", ";", 2), ("1,250", ",", 3)])
def test_a_price_that_could_be_two_is_refused(text: str, delimiter: str, decimals: int) -> None:
    with pytest.raises(ValueError, match="could be 1250 or 1.25"):
        price_in(text, delimiter=delimiter, decimals=decimals)
