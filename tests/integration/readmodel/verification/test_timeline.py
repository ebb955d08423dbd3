"""The timeline is compared with the log: it has a document for each event, and no other."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from elasticsearch import Elasticsearch

from events.models import DeadLetter, LogEntry, Partition
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.projection import VERSION_STEP, projections
from readmodel.tickets.timeline import Timeline
from readmodel.verification.audit import Audit
from tests.damage import Damage
from tests.integration.readmodel.verification.test_audit import Steps, counted, never_ends
from tests.integration.readmodel.verification.test_verification import consume, kinds
from tests.integration.readmodel.verification.test_verification import found as found_in_the_tickets
from tests.tickets import issue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def events(stream: Stream, elasticsearch: Elasticsearch) -> list[str]:
    """The ids of six events of three tickets; the read model has handled them."""
    for ticket in [issue() for _ in range(3)]:
        ticket.check_in()
    consume(stream)
    return [str(event) for event in LogEntry.objects.order_by("event_id").values_list("event_id", flat=True)]


@pytest.fixture
def timeline(elasticsearch: Elasticsearch) -> Damage:
    return Damage(elasticsearch, Timeline().alias, field="actor")


@pytest.fixture
def timeline_index(elasticsearch: Elasticsearch) -> Iterator[DocumentIndex]:
    with closing(connect(Timeline)) as index:
        yield index


def found(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, str]:
    """Return the kinds of the differences in all kept indices, by id."""
    return kinds(found_in_the_tickets(capsys, *options, projection="timeline"))


def damage_all(timeline: Damage, events: list[str]) -> dict[str, str]:
    """Damage each event's document in another way, invent some documents, and return the expected differences."""
    expected = dict(zip(events, timeline.kinds, strict=False))
    for event, harm in zip(events, timeline.kinds.values(), strict=False):
        harm(event)
    log = LogEntry.objects.get(event_id=events[5])
    strays = ["a document without an event", "null\x00character", str(uuid4()), events[5].upper()]
    for stray in strays:
        timeline.invent(stray, event=stray, ticket=log.subject, version=1)
    timeline.elasticsearch.indices.refresh(index=timeline.alias)
    return expected | dict.fromkeys(strays, "ghost")


def test_all_kinds_of_damage_are_found_and_repaired(
    capsys: pytest.CaptureFixture[str], timeline: Damage, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readmodel.verification.verification.IDS_AT_ONCE", 4)
    before = timeline.documents()
    assert before.keys() == set(events)
    assert found(capsys) == {}

    expected = damage_all(timeline, events)

    assert found(capsys) == expected
    assert found(capsys, "--repair") == expected
    assert found(capsys) == {}
    assert timeline.documents() == before


def test_the_audit_repairs_all_kept_indices(
    timeline: Damage, damage: Damage, events: list[str], stream: Stream
) -> None:
    call_command("rebuild_readmodel", "timeline")
    kept = Damage(timeline.elasticsearch, f"{Timeline().alias}-000001", field="actor")
    indices = [connect(projection) for projection in projections()]
    before = [target.documents() for target in (timeline, kept, damage)]
    assert before[0].keys() == before[1].keys()
    damage_all(timeline, events)
    damage_all(kept, events)
    damage.alter(next(iter(before[2])))

    Steps(Audit((documents for index in indices for documents in index.kept()), pause=never_ends)).take(10)

    assert [target.documents() for target in (timeline, kept, damage)] == before
    assert counted() == {
        (kind, True): number
        for kind, number in {"missing": 2, "stale": 2, "altered": 3, "lifted": 2, "ghost": 8}.items()
    }
    for index in indices:
        index.close()


def test_a_document_of_an_unhandled_event_is_not_expected_but_compared(
    capsys: pytest.CaptureFixture[str], timeline: Damage, events: list[str], stream: Stream
) -> None:
    issue()
    relay.sweep(stream, 0)
    assert found(capsys) == {}
    event = LogEntry.objects.latest("id")
    timeline._write(str(event.event_id), {"event": str(event.event_id), "actor": "nobody"}, VERSION_STEP)

    assert found(capsys) == {str(event.event_id): "altered"}


def test_a_document_of_a_compacted_event_is_not_a_ghost(
    capsys: pytest.CaptureFixture[str], timeline: Damage, events: list[str]
) -> None:
    before = timeline.documents()
    LogEntry.objects.filter(aggregate_version=1).delete()
    assert set(found(capsys).values()) == {"ghost"}  # No compaction has dropped the missing rows.

    Partition.objects.update(compacted_to=6)
    assert found(capsys, "--repair") == {}

    invented = str(uuid4())
    ticket = LogEntry.objects.latest("id").subject
    timeline.invent(invented, event=invented, ticket=ticket, version=2)  # The log has the event of this version.
    timeline.elasticsearch.indices.refresh(index=timeline.alias)
    assert found(capsys, "--repair") == {invented: "ghost"}
    assert timeline.documents() == before


def test_dead_letters_are_reported(
    capsys: pytest.CaptureFixture[str], timeline: Damage, events: list[str], timeline_index: DocumentIndex
) -> None:
    event = LogEntry.objects.get(event_id=events[0])
    [target] = timeline_index.indices.kept()
    letter = DeadLetter.objects.create(
        group="readmodel", target=target.uuid, partition=0, position=event.position, entry_id="1-0",
        event_id=event.event_id, type=event.type, subject=event.subject, error_type="", error="",
    )  # fmt: skip
    timeline.delete(events[0])

    assert found(capsys, "--repair") == {events[0]: "parked"}
    letter.state = DeadLetter.State.DISCARDED
    letter.save()
    assert found(capsys, "--repair") == {}


def test_a_verification_can_continue_after_an_event(
    capsys: pytest.CaptureFixture[str], timeline: Damage, events: list[str]
) -> None:
    for event in events:
        timeline.delete(event)
    index = f"{Timeline().alias}-000001"

    assert found(capsys, "--index", index, "--after", events[3]).keys() == set(events[4:])
    assert len(found(capsys, "--sample", "2")) == 2
    with pytest.raises(CommandError, match="--after nonsense: "):
        call_command("verify_readmodel", "--index", index, "--after", "nonsense")
    with pytest.raises(CommandError, match="'nonsense' is not a kept index"):
        call_command("verify_readmodel", "--index", "nonsense")
