"""docs/reference/exit-codes.md has the exit codes of all commands, and these end with them."""

import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from config.environment.refusal import WRONG_SETTINGS
from events.consumer.hangs import EXIT_CODE as HUNG
from events.management.command import EXIT_CODES, BaseCommand
from tests.unit.events.management.test_command import COMMANDS

PAGE = (Path(__file__).resolve().parents[4] / "docs/reference/exit-codes.md").read_text()


def command(name: str) -> BaseCommand:
    found = load_command_class(get_commands()[name], name)
    assert isinstance(found, BaseCommand)
    return found


def test_the_page_has_the_codes_of_every_command() -> None:
    common = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))
    assert {int(code): meaning for code, meaning in common.items() if int(code) != WRONG_SETTINGS} == EXIT_CODES
    assert str(WRONG_SETTINGS) in common

    of_single_ones = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)
    declared = [(name, str(code), meaning) for name in COMMANDS for code, meaning in command(name).exit_codes.items()]
    assert of_single_ones == declared
    assert command("consume_events").exit_codes.keys() == {1, HUNG}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_codes(name: str) -> None:
    shown = " ".join(command(name).create_parser("manage.py", name).format_help().split())

    for code, meaning in {**EXIT_CODES, **command(name).exit_codes}.items():
        assert f"{code}: {meaning}" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_argument_ends_with_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    called = command(name)
    called._called_from_command_line = True
    parser = called.create_parser("manage.py", name)

    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--no-such-option"])

    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def code_of(*words: str) -> object:
    try:
        call_command(*words)
    except CommandError as error:
        return error.returncode
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("check --tag translation", 0),  # Other checks see the events that tests register.
        ("consume_events readmodel --limit 1 --time-limit 0.001", 0),
        ("create_token nobody", 1),
        ("dead_letters list", 0),
        ("dead_letters retry", 2),
        ("dead_letters show 17", 1),
        ("doctor", 1),
        ("event_catalogue --json", 0),
        ("event_status", 0),
        ("forget_person", 2),
        ("import_tickets absent.csv", 1),
        ("pause_consumers readmodel", 0),
        ("relay_events --once", 0),
        ("restart_web --port 1", 1),
        ("search_tickets x", 2),
        ("settings_table", 0),
        ("tail_events", 0),
        ("trace_event 7", 1),
        ("verify_log", 0),
        ("verify_readmodel", 1),
    ],
)
def test_a_command_ends_with_its_code(words: str, code: int, stream: object) -> None:
    assert code_of(*words.split()) == code
