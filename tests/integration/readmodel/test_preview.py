"""`manage.py preview_projection` tells what a rebuild by a changed projection would change, and changes nothing."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.envelope import Envelope
from events.exceptions import Unprocessable
from events.models import LogEntry
from events.stream.interface import Stream
from readmodel.projection import Document
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.fields import KEYWORD
from readmodel.tickets.timeline import Timeline
from tests.damage import Damage
from tests.documented_json import assert_documented
from tests.tickets import issue
from tickets.events import TICKET_EVENTS, TicketCheckedIn, TicketEvent
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "tests.integration.readmodel.test_preview"


class Changed(TicketDocuments):
    """Capitals in titles, another kind of venue, a further field, canceled tickets hidden, some refused."""

    revision = 4
    mapping = {name: field for name, field in TicketDocuments.mapping.items() if name != "time_zone"} | {
        "venue": {"type": "text"},
        "has_seat": KEYWORD,
    }

    def document(self, event: TicketEvent, envelope: Envelope) -> Document | None:
        if event.ticket.title == "Refused":
            raise Unprocessable("no title")
        if event.ticket.status == "canceled":
            return None
        fields: dict[str, Any] = msgspec.to_builtins(super().document(event, envelope))
        del fields["time_zone"]
        return fields | {"title": fields["title"].upper(), "has_seat": str(bool(fields["seat"]))}


class Buggy(TicketDocuments):
    """Fails with the tickets without a seat."""

    def document(self, event: TicketEvent, envelope: Envelope) -> Document | None:
        return {"R": super().document(event, envelope)}[event.ticket.seat[:1]]


class WithoutMapping(TicketDocuments):
    mapping = {name: field for name, field in TicketDocuments.mapping.items() if name != "seat"}


class WithoutCheckIns(Timeline):
    revision = 2
    handles = tuple(event for event in TICKET_EVENTS if event is not TicketCheckedIn)


@pytest.fixture(autouse=True)
def tickets(stream: Stream, elasticsearch: Elasticsearch) -> list[Ticket]:
    """Three issued tickets, one of them checked in, one that is canceled, and its replacement."""
    tickets = [issue(title="Hamlet"), issue(title="LEAR", seat=""), issue(title="Refused"), issue(title="Hamlet")]
    tickets[0].check_in()
    tickets[3].cancel()
    call_command("consume_events", "readmodel", until_idle=True)
    return tickets


def deploy(settings: Settings, projection: str) -> None:
    settings.READMODEL_PROJECTIONS = [f"{HERE}.{projection}", *settings.READMODEL_PROJECTIONS[1:]]


def preview(*arguments: str) -> str:
    out = StringIO()
    call_command("preview_projection", *arguments, stdout=out)
    return out.getvalue()


def changes(*arguments: str) -> dict[str, dict[str, Any]]:
    found = [msgspec.json.decode(line) for line in preview("--json", *arguments).splitlines()]
    for change in found[:1]:
        assert_documented("preview_projection", change)
    return {change["id"]: change for change in found}


def shown(documents: Mapping[str, tuple[int, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {key: source for key, (_, source) in documents.items()}


def differing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return {name: [before.get(name), after.get(name)] for name in names}


def test_the_projection_that_made_the_index_changes_nothing(damage: Damage) -> None:
    assert changes() == {}
    assert preview().splitlines()[1:] == ["5 documents compared: none would change"]


def test_it_names_each_document_that_a_rebuild_changes(
    settings: Settings, damage: Damage, tickets: list[Ticket]
) -> None:
    before = damage.documents()
    deploy(settings, "Changed")

    found = changes()

    assert damage.documents() == before
    call_command("rebuild_readmodel", stdout=StringIO())
    rebuilt = shown(damage.documents())
    assert found[str(tickets[2].id)] == {
        "id": str(tickets[2].id),
        "effect": "refused",
        "fields": {},
        "error": "no title",
    }
    assert found[str(tickets[3].id)]["effect"] == "hidden"
    assert {key: change["fields"] for key, change in found.items() if change["effect"] != "refused"} == {
        key: differing(source, rebuilt.get(key, {}))
        for key, source in shown(before).items()
        if key != str(tickets[2].id)
    }


def test_a_document_with_a_field_that_the_mapping_lacks_is_refused(settings: Settings, tickets: list[Ticket]) -> None:
    deploy(settings, "WithoutMapping")

    found = changes()

    assert list(found) == sorted(str(ticket.id) for ticket in Ticket.objects.all())
    assert {change["error"] for change in found.values()} == {"the mapping lacks seat"}


def test_an_event_that_meets_a_bug_is_refused(settings: Settings, tickets: list[Ticket]) -> None:
    deploy(settings, "Buggy")

    assert changes() == {
        str(tickets[1].id): {"id": str(tickets[1].id), "effect": "refused", "fields": {}, "error": "KeyError: ''"}
    }
    assert "is refused: KeyError: ''" in preview("--aggregate", str(tickets[1].id))


def test_errors_that_name_their_events_have_one_row(
    settings: Settings, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_projection: TicketDocuments, _event: TicketEvent, envelope: Envelope) -> Document | None:
        raise Unprocessable(f"event {envelope.id} is refused")

    monkeypatch.setattr("readmodel.management.commands.preview_projection.MOST_ROWS", 2)
    monkeypatch.setattr(Changed, "document", refuse)
    deploy(settings, "Changed")

    said = preview()

    assert said.count(" is refused") == 2
    assert "others" in said


def test_it_sums_up_for_people(settings: Settings, tickets: list[Ticket]) -> None:
    deploy(settings, "Changed")

    said = preview()

    assert "5 documents compared: 3 changed, 1 hidden, 1 refused" in said
    assert "no title" in said
    assert '"Hamlet"' in said
    assert '"HAMLET"' in said
    assert 'field venue: {"type":"keyword"' in said
    assert "field has_seat: nothing in the index" in said
    assert "nothing in the code" in said


def test_events_that_are_not_handled_any_more_lose_their_documents(settings: Settings, tickets: list[Ticket]) -> None:
    settings.READMODEL_PROJECTIONS = [settings.READMODEL_PROJECTIONS[0], f"{HERE}.WithoutCheckIns"]

    checked_in = LogEntry.objects.get(type="ticket.checked_in")

    assert list(changes("timeline").values()) == [
        {"id": str(checked_in.event_id), "effect": "removed", "fields": {}, "error": ""}
    ]


def test_a_damaged_document_is_no_change_of_the_projection(damage: Damage, tickets: list[Ticket]) -> None:
    damage.lift(str(tickets[0].id))

    assert changes() == {}
    assert "1 differ from the log whatever the projection is" in preview()


def test_a_sample_compares_no_more(settings: Settings) -> None:
    deploy(settings, "Changed")

    assert len(changes("--sample", "2")) == 2


def test_one_ticket_is_followed_event_by_event(settings: Settings, tickets: list[Ticket]) -> None:
    deploy(settings, "Changed")

    said = preview("--aggregate", str(tickets[0].id)).splitlines()

    assert said[0].startswith("version 1, ticket.issued at ")
    assert said[1] == f"    {tickets[0].id} is added"
    assert '    title: nothing -> "HAMLET"' in said
    assert '    status: "issued" -> "checked_in"' in said
    [issued, checked_in] = map(msgspec.json.decode, preview("--json", "--aggregate", str(tickets[0].id)).splitlines())
    assert (issued["type"], issued["version"], issued["change"]["effect"]) == ("ticket.issued", 1, "added")
    assert checked_in["change"]["fields"]["version"] == [1, 2]


@pytest.mark.parametrize(("aggregate", "named"), [("nobody", "nobody"), ("", "an empty id")])
def test_an_aggregate_without_events_is_an_error(aggregate: str, named: str) -> None:
    with pytest.raises(CommandError, match=f"the log has no event of {named}"):
        preview("--aggregate", aggregate)


def test_an_unknown_projection_is_named_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match="the projections are tickets, timeline"):
        preview("orders")
