"""An event repairs a document whose version was raised by hand to that of the event, or higher."""

from typing import Any

import msgspec
import pytest
from django.core.management import call_command
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.exceptions import TargetLost
from events.models import LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.exceptions import VersionRaisedByHand
from readmodel.index.document_index import DocumentIndex
from readmodel.projection import VERSION_STEP
from readmodel.tickets.timeline import Timeline
from tests.damage import Damage
from tests.ticket_events import document, ticket_id
from tests.tickets import issue
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def consume(stream: Stream) -> None:
    relay.sweep(stream, 0)
    call_command("consume_events", "readmodel", until_idle=True)


@pytest.fixture
def ticket(stream: Stream, elasticsearch: Elasticsearch, settings: Settings) -> Ticket:
    """A ticket in the index, without an audit."""
    settings.READMODEL_AUDIT_PER_SECOND = 0
    ticket = issue()
    consume(stream)
    return ticket


def state_of(damage: Damage, ticket: Ticket) -> tuple[int, str, str]:
    version, source = damage.documents()[str(ticket.id)]
    return version, source["title"], source["status"]


@pytest.mark.parametrize("version", [2, 3, 1_000])
def test_the_next_event_repairs_the_document(version: int, ticket: Ticket, damage: Damage, stream: Stream) -> None:
    damage.lift(str(ticket.id), version)

    ticket.check_in()
    consume(stream)

    assert state_of(damage, ticket) == (2, "Ночь музеев", "checked_in")
    call_command("verify_readmodel", "tickets")


def test_other_content_with_the_right_version_is_repaired(
    ticket: Ticket, damage: Damage, stream: Stream, elasticsearch: Elasticsearch
) -> None:
    source = damage._source(str(ticket.id)) | {"version": 2, "title": "Lifted"}
    damage._write(str(ticket.id), source, 2 * VERSION_STEP)

    ticket.check_in()
    consume(stream)

    assert state_of(damage, ticket) == (2, "Ночь музеев", "checked_in")


def test_a_document_that_existed_before_its_first_event_is_repaired(
    ticket: Ticket, damage: Damage, stream: Stream
) -> None:
    new = issue()
    damage._write(str(new.id), {"title": "Invented"}, 5 * VERSION_STEP)

    consume(stream)

    assert state_of(damage, new) == (1, "Ночь музеев", "issued")


def test_the_timeline_is_repaired_too(
    ticket: Ticket, elasticsearch: Elasticsearch, stream: Stream, damage: Damage
) -> None:
    ticket.check_in()
    event = LogEntry.objects.get(type="ticket.checked_in")
    timeline = Damage(elasticsearch, Timeline().alias, field="actor")
    timeline._write(str(event.event_id), {"event": str(event.event_id), "actor": "nobody"}, 2 * VERSION_STEP + 7)

    consume(stream)

    version, source = timeline.documents()[str(event.event_id)]
    assert (version, source["actor"], source["status"]) == (2, "", "checked_in")


def test_events_that_are_handled_again_do_not_change_newer_states(
    ticket: Ticket, damage: Damage, stream: Stream
) -> None:
    ticket.check_in()
    consume(stream)
    before = damage.documents()
    call_command("reset_group", "readmodel", "--to=0", "--yes")

    consume(stream)

    assert damage.documents() == before
    assert damage.elasticsearch.get(index=damage.alias, id=str(ticket.id))["_version"] == 2 * VERSION_STEP


def test_an_index_deleted_before_conflicts_are_checked_is_lost(
    ticket_index: DocumentIndex, elasticsearch: Elasticsearch
) -> None:
    target = ticket_index.indices.ensure()
    ticket_index.documents(target).write([document(1)])
    elasticsearch.indices.delete(index=target.name)

    with pytest.raises(TargetLost):
        ticket_index.documents(target)._disproved([document(1)])


def test_a_write_returns_an_error_for_a_version_raised_by_hand(ticket_index: DocumentIndex, damage: Damage) -> None:
    target = ticket_index.indices.ensure()
    ticket_index.documents(target).write([document(1), document(2), document(3, version=3)])
    damage.lift(str(ticket_id(1)), 2)

    refused: dict[str, Any] = dict(
        ticket_index.documents(target).write([document(1, version=2), document(2), document(3, version=2)])
    )

    assert list(refused) == [str(ticket_id(1))]
    assert isinstance(refused[str(ticket_id(1))], VersionRaisedByHand)


def test_documents_of_every_projection_have_the_version_field(ticket_index: DocumentIndex) -> None:
    assert "version" in Timeline.mapping
    assert "version" in msgspec.to_builtins(document(1).source)
