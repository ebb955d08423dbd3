"""`manage.py verify_readmodel` finds and repairs each kind of difference, and nothing else, on real servers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.dead_letters import parking as dead_letters
from events.exceptions import TargetLost
from events.groups.checkpoint import Claim
from events.log.reading import read_after
from events.models import Checkpoint, DeadLetter, LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.index.document_index import DocumentIndex
from readmodel.projection import VERSION_STEP
from readmodel.verification.comparison import Comparison
from tests.damage import Damage
from tests.documented_json import assert_documented
from tests.tickets import issue
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

GHOST = "a document without an event"


def consume(stream: Stream) -> None:
    relay.sweep(stream, 0)
    call_command("consume_events", "readmodel", until_idle=True)


@pytest.fixture(autouse=True)
def tickets(stream: Stream, elasticsearch: Elasticsearch) -> list[str]:
    """Tickets in each state in the read model. Return the ids of those that tests may damage."""
    undamaged = [issue() for _ in range(2)]
    undamaged[0].cancel()
    tickets = [issue() for _ in range(4)]
    for ticket in tickets:
        ticket.check_in()
    consume(stream)
    return [str(ticket.id) for ticket in tickets]


def found(capsys: pytest.CaptureFixture[str], *options: str, projection: str = "tickets") -> list[dict[str, Any]]:
    """Return the printed differences; the command must fail if some are not repaired."""
    capsys.readouterr()
    try:
        call_command("verify_readmodel", projection, "--json", *options)
        failed = False
    except CommandError:
        failed = True
    differences = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert failed == any(not difference["repaired"] for difference in differences)
    for difference in differences[:1]:
        assert_documented("verify_readmodel", difference)
    return differences


def kinds(differences: list[dict[str, Any]]) -> dict[str, str]:
    return {difference["id"]: difference["kind"] for difference in differences}


def test_no_differences_are_found_without_damage(capsys: pytest.CaptureFixture[str], damage: Damage) -> None:
    before = damage.documents()

    assert found(capsys, "--repair") == []

    assert damage.documents() == before
    assert len(before) == Ticket.objects.count() == 7


@pytest.mark.parametrize("kind", ["missing", "stale", "altered", "lifted"])
def test_a_damaged_document_is_found_and_repaired(
    kind: str, capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str], stream: Stream
) -> None:
    before = damage.documents()
    damage.kinds[kind](tickets[0])

    [difference] = found(capsys)
    index_version = {"missing": None, "stale": 0, "altered": 2, "lifted": 1_000}[kind]
    fields = {"title": ["Ночь музеев", "Altered"]} if kind == "altered" else {}
    assert difference == {
        "index": f"{damage.alias}-000001",
        "id": tickets[0],
        "kind": kind,
        "log_version": 2,
        "index_version": index_version,
        "fields": fields,
        "repaired": False,
    }
    assert found(capsys, "--repair") == [difference | {"repaired": True}]
    assert found(capsys) == []
    assert damage.documents() == before


@pytest.mark.parametrize("kind", ["missing", "stale", "altered", "lifted"])
def test_the_next_event_reaches_a_repaired_document(
    kind: str, capsys: pytest.CaptureFixture[str], damage: Damage, stream: Stream
) -> None:
    ticket = issue()
    consume(stream)
    damage.kinds[kind](str(ticket.id))
    found(capsys, "--repair")

    ticket.check_in()
    consume(stream)

    version, source = damage.documents()[str(ticket.id)]
    assert (version, source["status"]) == (2, "checked_in")
    assert found(capsys) == []


def test_a_document_that_was_repaired_too_often_is_deleted_and_written_again(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]
) -> None:
    before = damage.documents()
    damage._write(tickets[0], {"title": "At the end of the step"}, 3 * VERSION_STEP - 1)

    assert kinds(found(capsys, "--repair")) == {tickets[0]: "altered"}

    assert found(capsys) == []
    assert damage.documents() == before


def test_ghosts_are_deleted(capsys: pytest.CaptureFixture[str], damage: Damage) -> None:
    before = damage.documents()
    strays = [GHOST, "null\x00character", "ü" * 200, "01a00000-0000-7000-8000-000000000000"]
    for stray in strays:
        damage.invent(stray)
    damage.invent("with a ticket's id", id=str(Ticket.objects.latest("id").id))

    expected = dict.fromkeys([*strays, "with a ticket's id"], "ghost")
    assert kinds(found(capsys)) == expected
    assert kinds(found(capsys, "--ghosts", "--repair")) == expected
    assert found(capsys) == []
    assert damage.documents() == before


def test_all_kinds_of_differences_are_repaired_across_pages(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readmodel.verification.verification.IDS_AT_ONCE", 3)
    monkeypatch.setattr("readmodel.verification.verification.DOCUMENTS_AT_ONCE", 2)
    before = damage.documents()
    for ticket, harm in zip(tickets, damage.kinds.values(), strict=True):
        harm(ticket)
    for number in range(5):
        damage.invent(f"ghost {number}")

    expected = dict(zip(tickets, damage.kinds, strict=True)) | {f"ghost {number}": "ghost" for number in range(5)}
    assert kinds(found(capsys, "--repair")) == expected
    assert found(capsys) == []
    assert damage.documents() == before


def test_concurrent_repairs_converge(capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]) -> None:
    before = damage.documents()
    for ticket, harm in zip(tickets, damage.kinds.values(), strict=True):
        harm(ticket)
    damage.invent(GHOST)

    def repair() -> None:
        call_command("verify_readmodel", "--repair")
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        for repairing in [threads.submit(repair) for _ in range(4)]:
            repairing.result()

    assert found(capsys) == []
    assert damage.documents() == before


def test_events_that_are_not_handled_yet_are_not_differences(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str], stream: Stream
) -> None:
    Ticket.objects.get(status="issued", replaces=None).cancel()
    assert found(capsys) == []  # Without a position.
    relay.sweep(stream, 0)
    assert found(capsys) == []  # Above the checkpoint.

    call_command("verify_readmodel")

    tickets_index, timeline = f"{damage.alias}-000001", f"timeline-{damage.alias}-000001"
    assert capsys.readouterr().out.splitlines() == [
        f"{tickets_index}: 8 documents compared, 0 differences, 0 repaired",
        f"{tickets_index}: 2 events are not handled yet, so their state is not expected",
        f"{timeline}: 14 documents compared, 0 differences, 0 repaired",
        f"{timeline}: 2 events are not handled yet, so their state is not expected",
    ]


def test_documents_ahead_of_the_checkpoint_are_compared_with_their_events(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]
) -> None:
    Checkpoint.objects.update(position=1)
    assert found(capsys) == []

    damage.alter(tickets[0])
    damage.lift(tickets[1])

    assert kinds(found(capsys, "--repair")) == {tickets[0]: "altered", tickets[1]: "lifted"}
    assert tickets[1] not in damage.documents()  # Its events will be handled again.


def test_documents_are_compared_with_a_compacted_log(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]
) -> None:
    LogEntry.objects.filter(subject=tickets[0], aggregate_version=1).delete()
    damage.delete(tickets[0])

    assert kinds(found(capsys, "--repair")) == {tickets[0]: "missing"}
    assert found(capsys) == []


class TestDeadLetters:
    """Tickets with a newest event that could not be handled."""

    @pytest.fixture
    def letter(self, tickets: list[str], stream: Stream, ticket_index: DocumentIndex) -> DeadLetter:
        issued = Ticket.objects.get(status="issued", replaces=None)
        issued.cancel()
        relay.sweep(stream, 0)
        checkpoint = Checkpoint.objects.get(target=ticket_index.indices.kept()[0].uuid)
        claim = Claim("readmodel", checkpoint.target, 0, checkpoint.epoch)
        [canceled, replaced] = read_after(0, checkpoint.position)
        assert canceled.subject == str(issued.id)
        dead_letters.park(claim, canceled, ValueError("it does not fit"), attempts=5)
        dead_letters.park(claim, replaced, ValueError("it does not fit"), attempts=5)
        Checkpoint.objects.update(position=checkpoint.position + 2)
        return DeadLetter.objects.get(subject=issued.id)

    def test_a_parked_event_is_reported_and_not_repaired(
        self, letter: DeadLetter, capsys: pytest.CaptureFixture[str], damage: Damage
    ) -> None:
        replacement = str(Ticket.objects.get(replaces=letter.subject).id)
        before = damage.documents()

        differences = found(capsys, "--repair")

        assert kinds(differences) == {letter.subject: "parked", replacement: "parked"}
        versions = [(difference["log_version"], difference["index_version"]) for difference in differences]
        assert sorted(versions, key=str) == [(1, None), (2, 1)]
        assert damage.documents() == before

    def test_the_state_before_a_parked_event_is_repaired(
        self, letter: DeadLetter, capsys: pytest.CaptureFixture[str], damage: Damage
    ) -> None:
        before = damage.documents()
        damage.alter(letter.subject)

        assert [difference["kind"] for difference in found(capsys, "--repair")].count("altered") == 1

        assert damage.documents() == before

    def test_a_discarded_event_is_not_expected(self, letter: DeadLetter, capsys: pytest.CaptureFixture[str]) -> None:
        DeadLetter.objects.update(state=DeadLetter.State.DISCARDED)

        assert found(capsys) == []

    def test_an_edited_event_is_expected_as_edited(
        self, letter: DeadLetter, capsys: pytest.CaptureFixture[str], damage: Damage, stream: Stream
    ) -> None:
        event = LogEntry.objects.get(event_id=letter.event_id)
        edited = event.data.replace("Ночь музеев", "Edited")
        DeadLetter.objects.update(state=DeadLetter.State.RETRY)
        DeadLetter.objects.filter(id=letter.id).update(edited_data=edited, edited_version=1)
        consume(stream)

        assert damage.documents()[letter.subject][1]["title"] == "Edited"
        assert found(capsys, "--repair") == []
        damage.delete(letter.subject)
        assert kinds(found(capsys, "--repair")) == {letter.subject: "missing"}
        assert damage.documents()[letter.subject][1]["title"] == "Edited"


def test_an_event_of_a_newer_release_is_reported_and_not_repaired(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]
) -> None:
    LogEntry.objects.filter(subject=tickets[0], aggregate_version=2).update(schema_version=99)

    assert kinds(found(capsys, "--repair")) == {tickets[0]: "unreadable"}


def test_differences_are_described_in_words(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]
) -> None:
    damage.alter(tickets[0], seat="", price=1)
    damage.delete(tickets[1])

    with pytest.raises(CommandError, match="differences that remain: 2"):
        call_command("verify_readmodel", "tickets")

    name = f"{damage.alias}-000001"
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        [
            f"{name}: {tickets[0]} is altered (version 2 in the log, 2 in the index); "
            "seat: 'Row 3, Seat 14' in the log, '' in the index; price: '25.00' in the log, 1 in the index",
            f"{name}: {tickets[1]} is missing (version 2 in the log, None in the index)",
            f"{name}: 7 documents compared, 2 differences, 0 repaired",
        ]
    )


def test_a_sample_has_the_given_size(capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str]) -> None:
    call_command("verify_readmodel", "tickets", "--sample=3")
    assert capsys.readouterr().out.startswith(f"{damage.alias}-000001: 3 documents compared, 0 differences")
    damage.delete(tickets[0])

    assert kinds(found(capsys, "--sample=7")) == {tickets[0]: "missing"}


def test_an_interrupted_run_says_how_to_continue(
    capsys: pytest.CaptureFixture[str], damage: Damage, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readmodel.verification.verification.IDS_AT_ONCE", 1)
    subjects = sorted(str(ticket.id) for ticket in Ticket.objects.all())
    damage.delete(subjects[1])
    damage.alter(subjects[5])
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with (
        monkeypatch.context() as patched,
        pytest.raises(CommandError, match="interrupted; continue with") as interrupted,
    ):
        patched.setattr("readmodel.management.commands.verify_readmodel._as_line", interrupt)
        call_command("verify_readmodel")

    name = f"{damage.alias}-000001"
    then = f"then with --index timeline-{name}"
    assert str(interrupted.value) == f"interrupted; continue with --index {name} --after {subjects[0]}, {then}"
    after = ("--index", name, "--after")
    assert kinds(found(capsys, *after, subjects[0])) == {subjects[1]: "missing", subjects[5]: "altered"}
    assert kinds(found(capsys, *after, subjects[1])) == {subjects[5]: "altered"}
    with pytest.raises(CommandError, match="--after needs --index"):
        call_command("verify_readmodel", "--after", subjects[1])


def test_ghosts_are_looked_for_after_an_id(capsys: pytest.CaptureFixture[str], damage: Damage) -> None:
    for number in range(4):
        damage.invent(f"ghost {number}", id=f"ghost {number}")

    after = ("--index", f"{damage.alias}-000001", "--after", "ghost 1")
    assert sorted(kinds(found(capsys, "--ghosts", *after))) == ["ghost 1", "ghost 2", "ghost 3"]


def test_an_index_of_another_version_of_the_projection_is_named_and_left_out(
    capsys: pytest.CaptureFixture[str], damage: Damage
) -> None:
    older = {"_meta": {"projection": "0-older"}}
    damage.elasticsearch.indices.create(index=f"{damage.alias}-000000", mappings=older)

    call_command("verify_readmodel", "tickets")

    said = capsys.readouterr()
    assert f"{damage.alias}-000000 was made by another version of the projection: not compared" in said.err
    assert said.out == f"{damage.alias}-000001: 7 documents compared, 0 differences, 0 repaired\n"


def test_an_elasticsearch_that_is_down_is_reported(settings: Settings) -> None:
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"

    with pytest.raises(CommandError, match="Elasticsearch does not answer"):
        call_command("verify_readmodel")


def test_a_missing_index_is_not_missing_documents(
    elasticsearch: Elasticsearch, settings: Settings, ticket_index: DocumentIndex, tickets: list[str]
) -> None:
    comparison = Comparison(ticket_index.kept()[0])
    elasticsearch.indices.delete(index=comparison.documents.target.name)

    with pytest.raises(CommandError, match="there is no index"):
        call_command("verify_readmodel", "--repair")
    with pytest.raises(TargetLost):
        comparison.differences(tickets)
    with pytest.raises(TargetLost):
        comparison.documents.page((), 10)

    assert not elasticsearch.indices.exists(index=settings.READMODEL_ALIAS)
