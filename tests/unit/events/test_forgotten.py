"""The list of forgotten persons: it is written first, survives crashes and lost keys, and stops a restored database."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events import forgotten
from events.checks.databases import check_forgotten
from events.exceptions import PeopleReturned
from events.forgotten import ListDamaged
from events.models import Forgetting
from events.operations.doctor.forgotten import check_list, check_returned
from events.operations.forgetting.again import KeyMissing, forget_again
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.forgetting import lines_of
from tests.things import Recorder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def file(settings: Settings, tmp_path: Path) -> Path:
    settings.EVENTS_FORGOTTEN_FILE = tmp_path / "new folder" / "forgotten"
    settings.EVENTS_SUBSCRIBERS = {}
    return settings.EVENTS_FORGOTTEN_FILE


def found() -> list[str]:
    return [finding.found for check in (check_returned, check_list) for finding in check() if finding.is_fault]


def test_a_line_has_no_person_and_only_its_owner_reads_it(file: Path) -> None:
    row = forgotten.begin("ada@example.org")

    [line] = lines_of(file)
    assert set(line) == {"id", "key", "digest", "at"}
    assert (line["id"], line["digest"]) == (str(row.id), row.digest)
    assert "example.org" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_interrupted_forgetting_is_continued_and_a_later_one_is_another(file: Path) -> None:
    first = forgotten.begin("ada@example.org")
    assert forgotten.begin("ada@example.org").id == first.id
    forgotten.finish(first)

    second = forgotten.begin("ada@example.org")

    assert [line["id"] for line in lines_of(file)] == [str(first.id), str(second.id)]
    assert second.digest == first.digest


def test_a_line_that_a_crash_has_torn_does_not_count_and_spoils_no_other(file: Path) -> None:
    forgotten.begin("ada@example.org")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])

    forgotten.begin("bob@example.org")

    assert len(forgotten.lines()) == 2
    assert forgotten.returned() == []


def test_a_damaged_list_stops_everything(file: Path, stream: Stream) -> None:
    forgotten.begin("ada@example.org")
    file.write_text("not a list\n")

    with pytest.raises(ListDamaged, match="line 1"):
        forgotten.lines()
    with pytest.raises(CommandError, match="can't be read"):
        call_command("relay_events", once=True)
    assert "their list can't be read" in [finding.found for finding in check_returned()]


class TestRestored:
    """The table lacks what the file has."""

    @pytest.fixture(autouse=True)
    def restored(self, stream: Stream) -> None:
        forgotten.finish(forgotten.begin("ada@example.org"))
        Forgetting.objects.all().delete()

    def test_relay_and_consumers_wait(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(CommandError, match=r"1 forgettings; run manage.py forget_person --again"):
            call_command("relay_events", once=True)
        with pytest.raises(PeopleReturned):
            run_until_idle("things", Recorder())

    def test_it_is_named_by_doctor_and_by_the_check_of_migrate(self) -> None:
        assert found() == ["the database was restored from a backup: 1 of the list have to be forgotten again"]
        [warning] = check_forgotten(databases=["default"])
        assert (warning.id, warning.hint) == ("events.W043", "run manage.py forget_person --again")

    def test_a_person_of_whom_the_backup_has_nothing_is_noted_again(self, stream: Stream) -> None:
        done = forget_again(stream)

        assert (done.due, done.found, done.problems) == (1, 0, [])
        assert (found(), check_forgotten(databases=["default"])) == ([], [])
        call_command("relay_events", once=True, stdout=StringIO())


class TestKeys:
    def test_a_rotated_key_goes_on_to_be_known(self, settings: Settings, stream: Stream) -> None:
        begun = forgotten.begin("ada@example.org")
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another"

        assert forgotten.begin("ada@example.org").id == begun.id
        assert found() == ["1 were not forgotten to the end, if no command is at it"]

    def test_a_lost_key_is_named_and_nobody_is_taken_for_forgotten(self, settings: Settings, stream: Stream) -> None:
        forgotten.finish(forgotten.begin("ada@example.org"))
        Forgetting.objects.all().delete()
        settings.EVENTS_FORGOTTEN_KEYS = ["another secret of thirty-two characters"]

        assert any("hashes of unknown keys" in text for text in found())
        with pytest.raises(KeyMissing):
            forget_again(stream)
        assert Forgetting.objects.count() == 0


def test_a_lost_file_is_reported_and_written_again(file: Path, stream: Stream) -> None:
    forgotten.finish(forgotten.begin("ada@example.org"))
    before = file.read_text()
    file.unlink()

    assert found() == [f"the file {file} lacks 1 of the database's list"]
    forget_again(stream)
    assert found() == []
    assert file.read_text() == before


def test_without_a_file_nobody_is_forgotten(settings: Settings) -> None:
    settings.EVENTS_FORGOTTEN_FILE = ""

    with pytest.raises(CommandError, match="EVENTS_FORGOTTEN_FILE is empty"):
        call_command("forget_person", "ada@example.org", yes=True, stdout=StringIO())
