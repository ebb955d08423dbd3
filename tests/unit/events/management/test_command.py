"""What all commands have in common: text is safe for a terminal, in any encoding, and the reader may go."""

import json
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import CommandError, get_commands, load_command_class
from django.db import IntegrityError, OperationalError
from pytest_django import Settings
from rich.console import Group
from rich.text import Text

from events.exceptions import PartitionsMissing
from events.management.command import BaseCommand, Output
from events.management.console import Console, Table
from events.management.unavailable import database_is_needed
from events.models import Partition
from events.texts.printable import printable

OURS = ("accounts", "config", "events", "readmodel", "readmodel.tickets", "tickets")
COMMANDS = sorted(name for name, app in get_commands().items() if app in OURS)
NASTY = "a\x1b[2Jb\x9b1mc\u202ed\u2066e\u200ff\rg\x07h\U000e0041"
SHOWN = r"a\u001b[2Jb\u009b1mc\u202ed\u2066e\u200ff\u000dg\u0007h\udb40\udc41"


def call(name: str, *words: str) -> None:
    """Run a command as manage.py does."""
    load_command_class(get_commands()[name], name).run_from_argv(["manage.py", name, *words])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("no such table: x"), "the database lacks a table: no such table: x. Run manage.py migrate."),
        (PartitionsMissing(), "The database has no partitions of the log yet: run manage.py migrate."),
        (
            Partition.DoesNotExist(),
            "the log has fewer partitions than when this began: it was restored from a backup. Run this again.",
        ),
        (IntegrityError("a mistake of ours"), None),
    ],
)
def test_what_the_database_lacks_is_said_with_the_remedy(error: Exception, said: str | None) -> None:
    with pytest.raises(CommandError if said else type(error)) as raised, database_is_needed():
        raise error

    assert str(raised.value) == (said or str(error))


class Terminal(StringIO):
    """A narrow terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_makes_its_output_and_its_errors_printable(name: str) -> None:
    said, complained = StringIO(), StringIO()
    kind = type(load_command_class(get_commands()[name], name))

    class Probe(kind):
        requires_system_checks = []

        def handle(self, *args: object, **options: object) -> None:
            self.stdout.write(NASTY)
            self.stderr.write(NASTY)
            Console(self.stdout).print(NASTY, Text(NASTY), markup=False)

    Probe().execute(stdout=said, stderr=complained, force_color=False, no_color=True, skip_checks=True)

    assert issubclass(kind, BaseCommand)
    by_rich = SHOWN.replace(r"\u000d", "").replace(r"\u0007", "")  # It drops them.
    assert said.getvalue() == f"{SHOWN}\n{by_rich} {by_rich}\n"
    assert complained.getvalue() == f"{SHOWN}\n"


def test_joiners_and_line_ends_stay_and_json_keeps_its_meaning() -> None:
    assert printable("می‌خواهم 👩‍🚀\t\n") == "می‌خواهم 👩‍🚀\t\n"
    assert json.loads(printable(json.dumps({NASTY: NASTY}, ensure_ascii=False))) == {NASTY: NASTY}


@pytest.mark.django_db(transaction=True)  # A command closes its sessions, even within a transaction.
def test_errors_and_checks_reach_the_terminal_printable(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    settings.EVENTS_METADATA = f"math.{NASTY}"
    for words in (
        ("import_tickets", f"no{NASTY}.csv"),
        ("check", "--tag", "events"),
        ("compact_events", "--older-than", "1d"),
    ):
        with pytest.raises(SystemExit):
            call(*words)
        complaint = capsys.readouterr().err

        assert "\\u001b[2J" in complaint
        assert printable(complaint) == complaint


@pytest.mark.parametrize("words", [("event_catalogue", "--format", "table"), ("event_catalogue", "--json")])
def test_an_encoding_that_lacks_characters_gets_their_codes(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    ascii_only = TextIOWrapper(BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)

    call(*words, "--skip-checks")  # They would report the event classes of other tests.
    ascii_only.write("Łódź 🎫\x9b")
    ascii_only.flush()

    assert ascii_only.buffer.getvalue().endswith(rb"\u0141\u00f3d\u017a \ud83c\udfab\u009b")


def table_of(cell: str) -> Table:
    table = Table("name", "state")
    table.add_row(cell, "ready")
    return table


def test_a_table_is_never_cut() -> None:
    piped, narrow = StringIO(), Terminal()
    words = "readmodel " * 30
    long = "x" * 300

    Console(Output(piped)).print(Group(table_of(long), table_of(words)))
    Console(Output(narrow), width=30, no_color=True).print(table_of(long))

    assert f" {long} " in piped.getvalue()
    assert f" {words.strip()} " in piped.getvalue()
    assert "…" not in narrow.getvalue()
    assert narrow.getvalue().count("x") == 300
    assert "ready" in narrow.getvalue()


def test_cells_of_a_table_are_printable_and_no_markup() -> None:
    said = StringIO()

    Console(Output(said)).print(table_of(NASTY), table_of("[bold]not bold[/]"))

    assert SHOWN in said.getvalue()
    assert "[bold]not bold[/]" in said.getvalue()


def test_an_error_of_another_pipe_is_not_hidden() -> None:
    class Probe(BaseCommand):
        requires_system_checks = []

        def handle(self, *args: object, **options: object) -> None:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Probe().run_from_argv(["manage.py", "probe"])
    with pytest.raises(CommandError):
        Probe().execute(force_color=True, no_color=True)


@pytest.mark.parametrize("words", [("trace_event", "\udcff"), ("dead_letters", "list", "--error", "a\udcff")])
def test_an_argument_that_is_no_text_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call(*words)

    assert ended.value.code == 2
    assert "an argument is not UTF-8 text" in capsys.readouterr().err


def test_a_command_works_with_closed_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)

    call("event_catalogue", "--skip-checks")

    assert sys.stdin.read() == ""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


def test_output_that_can_t_be_written_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            call("event_catalogue", "--skip-checks")

    assert ended.value.code == 1
    assert capsys.readouterr().err == "the output can't be written: No space left on device\n"
