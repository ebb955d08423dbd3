"""Forget the holder of tickets, and report about one, without servers; tests/integration has Elasticsearch."""

import json
from io import StringIO
from itertools import count
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import override_settings
from pytest_django import Settings

from events import record, unit_of_work
from events.models import DeadLetter, DeadLetterAction, Forgetting, LogEntry, Partition, WaitingEntry
from events.operations.forgetting import find, run
from events.operations.forgetting.find import PersonRefused, person_meant
from events.operations.forgetting.stream import fence
from events.relay import flush
from events.stream.interface import Stream
from events.testing import FakeStream
from tests.documented_json import assert_documented
from tests.forgetting import ADA, NAME, forget, issue_tickets, traces_in_database, traces_in_stream
from tests.things import ThingMade
from tests.tickets import issue
from tickets.aggregate import TicketAggregate
from tickets.events import FORGOTTEN_EMAIL, FORGOTTEN_NAME
from tickets.models import Job, JobFile, JobKind, JobState, Passage, Ticket

THE_NAMESAKE = {"events_log": ["ada lovelace"], "tickets_ticket": ["ada lovelace"]}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def file(settings: Settings, tmp_path: Path, stream: Stream) -> Path:
    settings.EVENTS_FORGOTTEN_FILE = tmp_path / "forgotten"
    settings.EVENTS_SUBSCRIBERS = {}
    return settings.EVENTS_FORGOTTEN_FILE


def error_of(*arguments: str) -> str:
    out = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("forget_person", *arguments, "--yes", stdout=out, stderr=out)
    return f"{out.getvalue()}{refusal.value}"


def test_every_ticket_that_the_person_has_or_had_is_redacted(stream: FakeStream) -> None:
    hers, replaced, passed_on, used, namesake = issue_tickets()

    said = forget(ADA)

    assert traces_in_database() == THE_NAMESAKE
    rows = {ticket.id: ticket for ticket in Ticket.objects.all()}
    assert {(rows[ticket.id].holder_name, rows[ticket.id].holder_email) for ticket in (hers, replaced, used)} == {
        (FORGOTTEN_NAME, FORGOTTEN_EMAIL)
    }
    assert (rows[replaced.id].seat, rows[passed_on.id].holder_name) == ("for […]", "Bob")
    assert {ticket.id: rows[ticket.id].version - 1 for ticket in (hers, passed_on, used)} == {
        hers.id: 1,
        passed_on.id: 2,
        used.id: 2,
    }
    assert rows[namesake.id].version == 2
    canceled = LogEntry.objects.get(subject=replaced.id, type="ticket.canceled")
    assert json.loads(canceled.data)["reason"] == "[…] asked for it, write to […]"
    letter = DeadLetter.objects.get(position=1)
    assert (letter.error, letter.edited_version) == ("refused: […] of […]", 2)
    assert json.loads(letter.edited_data or "")["ticket"]["holder_email"] == FORGOTTEN_EMAIL
    assert DeadLetterAction.objects.get().detail == "-[…]\n+[…]"
    assert "1 free texts about others have the name, and keep it: use --names" in said
    call_command("verify_log", stdout=StringIO())


@pytest.mark.parametrize("spelling", ["ada@bücher.example", "ada@xn--bcher-kva.example"])
def test_an_address_is_found_in_each_spelling_of_its_domain(spelling: str) -> None:
    for written in ("ada@bücher.example", "ada@xn--bcher-kva.example"):
        issue(holder_name="Ada", holder_email=written)

    forget(spelling)

    assert set(Ticket.objects.values_list("holder_email", flat=True)) == {FORGOTTEN_EMAIL}
    assert not LogEntry.objects.filter(data__contains="ada@").exists()


FORGETTING = "events.operations.forgetting"
INTERRUPTIONS = [
    ("events.forgotten", "_append", 1),
    ("events.forgotten", "_sync_folder", 1),
    (f"{FORGETTING}.run", "redact_texts", 1),
    (f"{FORGETTING}.run", "_redact_all", 1),
    (f"{FORGETTING}.redaction", "_write", 1),
    (f"{FORGETTING}.redaction", "_redact_rows", 1),
    (f"{FORGETTING}.redaction", "raise_generation", 1),
    (f"{FORGETTING}.redaction", "raise_generation", 3),
    (f"{FORGETTING}.redaction", "_write", 2),
    (f"{FORGETTING}.redaction", "_redact_rows", 2),
    (f"{FORGETTING}.run", "fence", 1),
    (f"{FORGETTING}.run", "redact_texts", 2),
    (f"{FORGETTING}.run", "refill", 1),
    (f"{FORGETTING}.stream", "sweep", 1),
    (f"{FORGETTING}.run", "_rewrite_targets", 1),
    (f"{FORGETTING}.run", "_redact_all", 2),
    ("events.forgotten", "finish", 1),
    ("events.management.commands.forget_person", "prove", 1),
]
"""Each call of a step, in the order in which they come: a later one is reached because the one before was repeated."""


class Killed(BaseException):
    """Ends the command as a signal does."""


def kill_at(owner: str, name: str, call: int, patch: pytest.MonkeyPatch) -> None:
    original, calls = getattr(resolve_name(owner), name), count(1)

    def interrupt(*arguments: object, **options: object) -> object:
        if next(calls) == call:
            raise Killed
        return original(*arguments, **options)

    patch.setattr(resolve_name(owner), name, interrupt)


def test_wherever_it_is_interrupted_the_same_command_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    issue_tickets()
    monkeypatch.setattr(find, "AGGREGATES_AT_ONCE", 1)

    for interruption in INTERRUPTIONS:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(*interruption, patch)
            forget(ADA, "--names")
    forget(ADA, "--names")

    assert traces_in_database() == THE_NAMESAKE
    assert not LogEntry.objects.filter(data__contains='"reason":"instead of Ada').exists()
    assert LogEntry.objects.filter(type="ticket.redacted").count() == 5 + 1
    call_command("verify_log", stdout=StringIO())


def test_a_process_that_has_not_flushed_yet_appends_no_former_data(
    stream: FakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the events in memory, and goes on when the log is redacted, or after everything."""
    late: list[tuple[Any, ...]] = []
    with monkeypatch.context() as patch:
        patch.setattr(flush, "flush_committed", lambda *arguments: late.append(arguments))
        issue(holder_name=NAME, holder_email=ADA)
    assert WaitingEntry.objects.count() == 1
    monkeypatch.setattr(run, "fence", lambda: (flush.flush_committed(*late[0]), fence()))

    forget(ADA)
    flush.flush_committed(*late[0])

    assert traces_in_stream(stream._client, stream.key(0)) == []
    entry = LogEntry.objects.earliest("id")
    assert (entry.position, entry.place.size) == (1, len(entry.data.encode()))


def test_a_person_who_comes_back_is_forgotten_anew(file: Path) -> None:
    for number in (1, 2):
        issue(holder_name=NAME, holder_email=ADA)
        forget(ADA)
        assert len(file.read_text().splitlines()) == number

    assert traces_in_database() == {}


def test_of_whom_there_is_nothing_nothing_is_done(file: Path) -> None:
    issue(holder_email="nada@example.org")
    generation = Partition.objects.get().generation

    assert "Tables and log have nothing of this person." in forget(ADA)
    assert not file.exists()
    assert Partition.objects.get().generation == generation


def test_what_is_left_is_reported_and_is_a_failure() -> None:
    issue(holder_email=ADA)
    User.objects.create(username="ada", email=ADA)

    said = error_of(ADA)

    assert "left in, or could not be looked for in: table auth_user" in said
    assert ADA not in said


def test_files_of_imports_that_wait_are_named() -> None:
    issue(holder_email=ADA)
    job = Job.objects.create(kind=JobKind.IMPORT, state=JobState.CHECKED)
    JobFile.objects.create(job=job, name="gala.csv", content=b"ada", encoding="utf-8", delimiter=",")

    assert "CSV files of imports that are not finished: 1" in forget(ADA)
    JobFile.objects.all().delete()
    assert "CSV files" not in forget(ADA)


def test_without_redis_it_is_not_finished_and_goes_on_later() -> None:
    issue(holder_email=ADA)
    with override_settings(EVENTS_STREAM_BACKEND="events.stream.redis_stream.RedisStream"):
        said = error_of(ADA)

    assert "the stream was not deleted: Redis does not answer" in said
    assert "this is not finished" in said
    assert traces_in_database() == {}
    assert "nothing of this person" in forget(ADA)


def test_without_elasticsearch_it_is_not_finished() -> None:
    issue(holder_email=ADA)

    with override_settings(EVENTS_SUBSCRIBERS={"readmodel": "readmodel.subscriber.ReadModel"}):
        said = error_of(ADA)

    assert "what readmodel has written was not redacted: " in said
    assert "could not be looked for in: what readmodel has written" in said
    assert Forgetting.objects.get().finished_at is None


@pytest.mark.parametrize("name", ["id", "code"])
def test_a_ticket_stands_for_its_holder(name: str) -> None:
    ticket = issue(holder_email=ADA)
    issue(holder_email=ADA.lower())

    forget(str(getattr(ticket, name)))

    assert set(Ticket.objects.values_list("holder_email", flat=True)) == {FORGOTTEN_EMAIL}
    assert "the person was forgotten already" in error_of(str(getattr(ticket, name)))


def test_the_person_can_be_read_from_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    issue(holder_email=ADA)
    monkeypatch.setattr("sys.stdin", StringIO(f"{ADA}\n"))

    forget("-")

    assert traces_in_database() == {}


@pytest.mark.parametrize("text", ["", "  ", "a@b", FORGOTTEN_EMAIL, "[…]@x.org", "ada\udcff@x.org", "ada\0@x.org"])
def test_what_identifies_nobody_is_refused(text: str) -> None:
    with pytest.raises(PersonRefused):
        person_meant(text)


def test_nothing_happens_without_a_yes(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    issue(holder_email=ADA)
    monkeypatch.setattr("sys.stdin", StringIO("no\n"))

    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("forget_person", ADA, stdout=StringIO())

    assert traces_in_database()
    assert not file.exists()


def test_rows_that_differ_from_their_events_and_events_without_a_row_are_redacted() -> None:
    """An update without an event, and an aggregate that the project does not declare."""
    ticket = issue(holder_email="bob@example.org")
    Ticket.objects.filter(id=ticket.id).update(holder_email=ADA)
    with unit_of_work():
        record(ThingMade(name="thing", note=f"of {ADA}"))

    forget(ADA)

    assert traces_in_database() == {}
    assert LogEntry.objects.filter(aggregate_type="thing").count() == 1
    call_command("verify_log", stdout=StringIO())


def test_programs_are_told_what_was_done_and_not_to_whom() -> None:
    issue(holder_name=NAME, holder_email=ADA)
    said = StringIO()

    call_command("forget_person", ADA, "--yes", "--json", stdout=said)

    found = json.loads(said.getvalue())
    assert_documented("forget_person", found)
    assert (found["redacted"]["events"], found["problems"]) == (1, [])
    assert {place["found"] for place in found["searched"]} == {0}
    assert not any(text in said.getvalue() for text in (ADA, ADA.lower(), NAME))


def test_programs_are_not_asked() -> None:
    with pytest.raises(CommandError, match="--json can't ask: add --yes"):
        call_command("forget_person", ADA, "--json")


class TestReport:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("person_report", *arguments, stdout=out)
        return out.getvalue()

    def test_it_has_all_that_is_stored(self, stream: FakeStream) -> None:
        used, *_ = issue_tickets()
        used.check_in(Passage(device="gate 7"))

        found = json.loads(self.run(ADA, "--json"))

        places = {place: len(entries) for place, entries in found["places"].items()}
        assert places["table tickets_ticket"] == 4
        assert places["table events_dead_letter"] == 2
        assert places["table django_admin_log"] == 1
        assert found["places"]["table events_log"][0]["data"]["ticket"]["holder_name"] == NAME
        assert [entry["check_ins"][0]["device"] for entry in found["belongings"]["ticket"]] == ["gate 7", ""]
        assert "stream tickets" in places
        assert_documented("person_report", found)

    def test_it_can_be_read_by_people_and_kept_for_its_owner(self, tmp_path: Path) -> None:
        issue(holder_name=NAME, holder_email=ADA)

        said = self.run(ADA, "--output", str(tmp_path / "ada.txt"))

        assert ADA not in said
        assert (tmp_path / "ada.txt").stat().st_mode & 0o777 == 0o600
        assert f"holder_name: {NAME}" in (tmp_path / "ada.txt").read_text()
        with pytest.raises(CommandError, match="File exists"):
            self.run(ADA, "--output", str(tmp_path / "ada.txt"))


def test_the_aggregate_finds_whom_a_ticket_is_about() -> None:
    ticket = issue(holder_email=ADA)

    assert {TicketAggregate().identity_of(key) for key in (str(ticket.id), ticket.code, ticket.code.lower())} == {ADA}
    assert TicketAggregate().identity_of("nothing") == ""
