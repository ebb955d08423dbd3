"""Dead letters of a running consumer process, handled by the command line and the admin."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from events.dead_letters.actions import retry
from events.models import DeadLetter
from events.relay.flush import sweep
from events.stream.interface import Stream
from tests.letters import happen, letter, states
from tests.picky_consumer import COMMAND
from tests.processes import ROOT, environment, running
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journal(stream: Stream, tmp_path: Path) -> Iterator[Path]:
    """Start a consumer that has parked a thing's first event, with two queued behind it; return its journal."""
    file = tmp_path / "journal"
    happen("a", note="broken")
    happen("a", "b", "a", note="sound")
    sweep(stream, 0)
    with running(*COMMAND, str(file)):
        wait_until(lambda: states() == ["parked", "queued", "queued"])
        wait_until(lambda: file.exists() and file.read_text() == "3 sound\n")
        yield file


def manage(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command dead_letters with this standard input."""
    command = [sys.executable, "manage.py", "dead_letters", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), input=given, capture_output=True, text=True, check=False
    )


def test_an_edited_letter_and_those_queued_behind_it_are_handled_once_and_in_order(journal: Path) -> None:
    mended = json.dumps({"name": "a", "version": 1, "note": "mended"})

    # The event class is one of the tests, which the command does not know.
    edited = manage("edit", letter(1).id, "--data", "-", "--yes", given=mended)
    assert (edited.returncode, edited.stderr) == (
        1,
        "CommandError: nothing was changed: $: no event class is registered as 'thing.made'\n",
    )
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = f"/admin/events/deadletter/{letter(1).id}/edit/"
    assert client.post(page, {"payload": mended, "retry": "on"}).status_code == 302

    wait_until(lambda: states() == ["handled"] * 3)
    assert journal.read_text() == "3 sound\n1 mended\n2 sound\n4 sound\n"


def test_letters_queued_behind_a_discarded_one_are_handled(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("dead_letters", "discard", str(letter(1).id), "--reason", "void")

    assert capsys.readouterr().out == "discarded: 1\n"
    wait_until(lambda: states() == ["discarded", "handled", "handled"])
    assert journal.read_text() == "3 sound\n2 sound\n4 sound\n"


def test_a_failed_retry_is_parked_again_and_nothing_overtakes_it(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("dead_letters", "retry", "--group", "things", "--error", "broken", "--actor", "ada")

    assert capsys.readouterr().out == "marked to be retried: 1\n"
    wait_until(lambda: letter(1).attempts == 2)
    assert states() == ["parked", "queued", "queued"]
    assert journal.read_text() == "3 sound\n"


def test_exit_codes_distinguish_success_failure_and_wrong_arguments() -> None:
    assert manage("list").returncode == 0
    unknown = manage("show", "17")
    assert (unknown.returncode, unknown.stderr) == (1, "CommandError: there is no dead letter 17\n")
    for wrong in (("discard", "17"), ("retry",), ("list", "--older-than", "3"), ()):
        assert manage(*wrong).returncode == 2


def test_many_letters_are_marked_in_steps() -> None:
    DeadLetter.objects.bulk_create(
        [
            DeadLetter(group="things", partition=0, position=number, entry_id=f"{number}-0", event_id=f"{number:032x}")
            for number in range(1, 5_001)
        ]
    )
    steps: list[int] = []

    outcome = retry(DeadLetter.objects.all(), "ada", on_step=lambda so_far: steps.append(so_far.seen))

    assert (outcome.done, outcome.left_out) == (5_000, {})
    assert steps == list(range(500, 5_001, 500))
    assert set(states()) == {"retry"}
