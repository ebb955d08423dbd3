"""The audit compares a bounded part of the index each second, and each document in one process only."""

from types import SimpleNamespace

import msgspec
import pytest
from django.core.management import call_command
from django.db.models import Sum
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.exceptions import TargetLost
from events.log.partitions import partition_of
from events.models import LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.index.document_index import DocumentIndex
from readmodel.models import WrongDocuments
from readmodel.subscriber import ReadModel
from readmodel.verification import audit
from readmodel.verification.audit import Audit
from tests.damage import Damage
from tests.ticket_events import envelope_of
from tests.ticket_events import ticket as ticket_state
from tests.tickets import issue
from tests.waiting import wait_until
from tickets.events import TicketIssued

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {0}


def never_ends(_seconds: float) -> bool:
    """The pause of an audit that goes on at once."""
    return False


class Steps:
    """Runs steps of an audit without waiting for the next second."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit

    def take(self, number: int, partitions: set[int] = ALL) -> None:
        for _ in range(number):
            self.audit._due_at = 0.0
            self.audit.step(partitions)


def counted() -> dict[tuple[str, bool], int]:
    """Return the number of wrong documents, by kind and whether they were repaired."""
    rows = WrongDocuments.objects.values_list("kind", "is_repaired").annotate(total=Sum("number"))
    return {(kind, is_repaired): total for kind, is_repaired, total in rows}


@pytest.fixture
def tickets(stream: Stream, elasticsearch: Elasticsearch) -> list[str]:
    tickets = sorted(str(issue().id) for _ in range(6))
    relay.sweep(stream, 0)
    call_command("consume_events", "readmodel", until_idle=True)
    return tickets


@pytest.fixture
def steps(tickets: list[str], ticket_index: DocumentIndex, settings: Settings) -> Steps:
    settings.READMODEL_AUDIT_PER_SECOND = 2
    return Steps(Audit(ticket_index.kept()[:1], pause=never_ends))


def test_a_round_finds_and_repairs_each_kind_of_damage(
    steps: Steps, damage: Damage, tickets: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = damage.documents()
    for ticket, harm in zip(tickets, damage.kinds.values(), strict=False):
        harm(ticket)
    damage.invent("a document without an event")
    damage.elasticsearch.indices.refresh(index=damage.alias)

    steps.take(8)  # Each step compares two of 6 tickets, or two of 7 documents.

    assert damage.documents() == before
    assert counted() == dict.fromkeys([(kind, True) for kind in (*damage.kinds, "ghost")], 1)
    said = "the audit of {}-000001 has repaired document {}, which was {}: version {} in the log, {} in the index{}"
    missing, stale, altered, lifted = tickets[:4]
    assert sorted(
        record.getMessage() for record in caplog.records if record.name == "readmodel.verification.audit"
    ) == sorted(
        [
            said.format(damage.alias, missing, "missing", 1, None, ""),
            said.format(damage.alias, stale, "stale", 1, 0, ""),
            said.format(damage.alias, altered, "altered", 1, 1, "; altered fields: title"),
            said.format(damage.alias, lifted, "lifted", 1, 1_000, ""),
            said.format(damage.alias, "a document without an event", "ghost", None, 0, ""),
        ]
    )


def test_the_audit_repeats_its_round(steps: Steps, damage: Damage, tickets: list[str]) -> None:
    steps.take(20)

    for kind, harm in damage.kinds.items():
        harm(tickets[3])
        steps.take(10)
        assert counted()[kind, True] == 1


def test_a_step_compares_no_more_documents_than_the_setting_allows(
    steps: Steps, damage: Damage, tickets: list[str]
) -> None:
    for ticket in tickets:
        damage.delete(ticket)

    steps.take(1)

    assert sorted(damage.documents()) == tickets[:2]


def test_a_consumer_at_rest_takes_more_at_a_time(
    steps: Steps, damage: Damage, tickets: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LONGEST_SECONDS", 60)
    settings.READMODEL_AUDIT_PER_SECOND = 1
    for ticket in tickets:
        damage.delete(ticket)
    read_model = ReadModel()
    read_model.open()

    [further] = read_model.further_targets()
    further.handle([envelope_of(TicketIssued(ticket=ticket_state(1)))])
    read_model.check(ALL)
    read_model.settle()
    assert sorted(damage.documents().keys() & set(tickets)) == tickets[:1]
    further.handled_at = read_model._audit._due_at = 0.0
    read_model.check(ALL)
    wait_until(lambda: sorted(damage.documents().keys() & set(tickets)) == tickets)
    read_model.close()


def test_a_step_compares_no_document_twice(
    steps: Steps, settings: Settings, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.READMODEL_AUDIT_PER_SECOND = 1_000
    walk = steps.audit._walks[0]
    pages: list[object] = []
    monkeypatch.setattr(walk, "advance", lambda: pages.append(walk))

    steps.audit.step(ALL, is_at_rest=lambda: True)

    assert len(pages) == 1


def test_while_events_arrive_it_pauses_after_each_page(
    tickets: list[str], ticket_index: DocumentIndex, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 2)
    settings.READMODEL_AUDIT_PER_SECOND = 6
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    Audit(ticket_index.kept()[:1], pause=pause).step(ALL)

    assert pauses == [audit.PAUSE_SECONDS] * 2


@pytest.mark.parametrize(("limit", "page"), [(2, 1), (8, 2)])
def test_it_ends_at_a_pause_if_it_must(
    limit: int,
    page: int,
    damage: Damage,
    tickets: list[str],
    ticket_index: DocumentIndex,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "PAGE", 1)
    settings.READMODEL_AUDIT_PER_SECOND = limit
    for ticket in tickets:
        damage.delete(ticket)

    Audit(ticket_index.kept()[:1], pause=lambda _: True).step(ALL)

    assert sorted(damage.documents()) == tickets[:page]


def test_there_is_one_step_a_second_even_if_it_is_called_more_often(
    steps: Steps, damage: Damage, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for ticket in tickets:
        damage.delete(ticket)
    now = [1_000.0]
    monkeypatch.setattr(audit, "time", SimpleNamespace(monotonic=lambda: now[0]))

    for there in (2, 4, 6):
        for _ in range(50):
            steps.audit.step(ALL)
        assert sorted(damage.documents()) == tickets[:there]
        now[0] += 1


def test_nothing_is_audited_with_the_setting_at_0(
    steps: Steps, damage: Damage, tickets: list[str], settings: Settings
) -> None:
    settings.READMODEL_AUDIT_PER_SECOND = 0
    damage.delete(tickets[0])

    steps.take(20)

    assert tickets[0] not in damage.documents()


def test_an_index_of_another_version_of_the_projection_waits_for_its_rebuild(
    steps: Steps, damage: Damage, tickets: list[str], ticket_index: DocumentIndex
) -> None:
    target = ticket_index.indices.kept()[0]
    older = Steps(Audit([ticket_index.documents(msgspec.structs.replace(target, version="0-older"))], pause=never_ends))
    damage.delete(tickets[0])

    older.take(20)
    assert tickets[0] not in damage.documents()
    steps.take(20)
    assert tickets[0] in damage.documents()


def test_documents_that_can_not_be_repaired_are_logged_and_the_others_repaired(
    steps: Steps, damage: Damage, tickets: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    LogEntry.objects.filter(subject=tickets[0]).update(schema_version=99)
    damage.delete(tickets[0])
    damage.delete(tickets[1])

    steps.take(4)

    assert damage.documents().keys() == set(tickets[1:])
    assert caplog.text.count("can't repair: run manage.py verify_readmodel") == 1
    assert counted() == {("missing", True): 1, ("unreadable", False): 1}


def test_only_documents_of_the_owned_partitions_are_audited(
    steps: Steps, damage: Damage, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.log.partitions.partition_count", lambda: 2)
    before = damage.documents()
    for ticket in tickets:
        damage.delete(ticket)
    ghosts = [f"ghost {number}" for number in range(6)]
    for ghost in ghosts:
        damage.invent(ghost)
    damage.elasticsearch.indices.refresh(index=damage.alias)
    owned = partition_of(tickets[0])
    own = {ticket for ticket in tickets if partition_of(ticket) == owned}
    others = {ghost for ghost in ghosts if partition_of(ghost) != owned}
    assert others

    steps.take(20, partitions={owned})

    assert damage.documents().keys() == own | others
    steps.take(20, partitions={1 - owned})
    assert damage.documents() == before
    steps.take(2, partitions=set())


def test_an_outage_does_not_end_the_consumer(
    steps: Steps, settings: Settings, caplog: pytest.LogCaptureFixture, damage: Damage, tickets: list[str]
) -> None:
    damage.delete(tickets[0])
    elasticsearch = damage.elasticsearch
    elasticsearch.indices.close(index=damage.alias)

    steps.take(3)

    assert f"the audit of {damage.alias}-000001 will continue later" in caplog.text
    elasticsearch.indices.open(index=damage.alias)
    wait_until(lambda: elasticsearch.cluster.health(index=damage.alias)["status"] in {"green", "yellow"})
    steps.take(8)
    assert tickets[0] in damage.documents()


def test_a_lost_index_is_reported(steps: Steps, elasticsearch: Elasticsearch, ticket_index: DocumentIndex) -> None:
    elasticsearch.indices.delete(index=ticket_index.indices.kept()[0].name)

    with pytest.raises(TargetLost):
        steps.take(2)
