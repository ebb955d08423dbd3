"""Events become documents; the order and the number of deliveries do not matter."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from events.envelope import Envelope
from events.exceptions import UnknownEventType, UnknownEventVersion, Unprocessable
from readmodel.index.document_index import connect
from readmodel.index.notes import Target
from readmodel.projection import VersionedDocument
from readmodel.subscriber import IndexWriter, ReadModel
from readmodel.tickets.documents import TicketDocument, TicketDocuments
from readmodel.tickets.search.query import STATUSES
from tests.things import envelope_at
from tests.ticket_events import envelope_of, ticket, ticket_id
from tickets.events import TicketCanceled, TicketCheckedIn, TicketCorrected, TicketEvent, TicketIssued
from tickets.models import Status

PROJECTION = TicketDocuments()


def test_an_issued_ticket_becomes_a_document_with_the_fields_of_the_ticket() -> None:
    state = ticket(title="Été ÉLÉGANT", version=1)

    [document] = PROJECTION.project([envelope_of(TicketIssued(ticket=state))]).documents

    assert document.id == str(state.id)
    assert document.version == 65_536
    assert msgspec.structs.asdict(document.source) == msgspec.structs.asdict(state) | {
        "starts_on": date(2027, 5, 1),
        "replaced_by": None,
        "folded_code": ["code1"],
        "folded_whole_code": "code1",
        "folded_title": ["ete elegant"],
        "folded_venue": ["arena berlin"],
        "folded_seat": ["a 1"],
        "folded_holder_name": ["ada lovelace"],
        "folded_holder_email": ["ada", "adaexampleorg"],
    }


@pytest.mark.parametrize(
    ("starts_at", "zone", "local", "day"),
    [
        (datetime(2027, 5, 1, 20, 0, tzinfo=UTC), "Asia/Tokyo", "2027-05-02T05:00:00+09:00", date(2027, 5, 2)),
        (datetime(2027, 5, 1, 20, 0, tzinfo=UTC), "Mars/Olympus", "2027-05-01T20:00:00+00:00", date(2027, 5, 1)),
        # Its offset was -00:44:30; JSON has no room for seconds.
        (datetime(1960, 1, 1, tzinfo=UTC), "Africa/Monrovia", "1959-12-31T23:16:00-00:44", date(1959, 12, 31)),
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), "Asia/Tokyo", "9999-12-31T23:30:00+00:00", date(9999, 12, 31)),
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", "0001-01-01T00:00:00+00:00", date(1, 1, 1)),
    ],
)
def test_a_document_has_the_local_time_at_the_venue(starts_at: datetime, zone: str, local: str, day: date) -> None:
    [document] = PROJECTION.project(
        [envelope_of(TicketIssued(ticket=ticket(starts_at=starts_at, time_zone=zone)))]
    ).documents

    assert (document.source.starts_at.isoformat(), document.source.starts_on) == (local, day)
    assert document.source.starts_at == starts_at


def test_an_event_of_an_earlier_release_gets_a_time_zone_and_its_currency_s_decimals(settings: Settings) -> None:
    settings.TICKETS_TIME_ZONE = "Asia/Tokyo"
    event = envelope_of(TicketIssued(ticket=ticket()))
    data = msgspec.json.decode(event.data)
    del data["ticket"]["time_zone"]
    data["ticket"] |= {"currency": "JPY", "price": "1000.00"}
    old = envelope_of(TicketIssued(ticket=ticket()), data=msgspec.json.encode(data).decode(), schema_version=1)

    [document] = PROJECTION.project([old]).documents

    assert (document.source.time_zone, str(document.source.price)) == ("Asia/Tokyo", "1000")


def test_a_canceled_ticket_names_its_replacement() -> None:
    canceled = TicketCanceled(ticket=ticket(1, status="canceled", version=2), new_ticket_id=ticket_id(2))

    [document] = PROJECTION.project([envelope_of(canceled)]).documents

    assert document.source.status == "canceled"
    assert document.source.replaced_by == ticket_id(2)


def test_a_checked_in_ticket_has_its_status_and_version() -> None:
    [document] = PROJECTION.project(
        [envelope_of(TicketCheckedIn(ticket=ticket(1, status="checked_in", version=2)))]
    ).documents

    assert document.source.status == "checked_in"
    assert document.version == 2 * 65_536


@pytest.mark.parametrize("replaced_by", [None, ticket_id(2)])
def test_a_corrected_ticket_has_the_corrected_state(replaced_by: UUID | None) -> None:
    found = ticket(1, status="canceled", version=3, title="As found")

    [document] = PROJECTION.project([envelope_of(TicketCorrected(ticket=found, new_ticket_id=replaced_by))]).documents

    assert (document.version, document.source.title, document.source.status) == (3 * 65_536, "As found", "canceled")
    assert document.source.replaced_by == replaced_by


def test_only_the_newest_state_of_a_ticket_is_written() -> None:
    first = envelope_of(TicketIssued(ticket=ticket(1)))
    second = envelope_of(TicketCheckedIn(ticket=ticket(1, status="checked_in", version=2)))
    other = envelope_of(TicketIssued(ticket=ticket(2)))

    documents = PROJECTION.project([second, other, first]).documents

    assert {(document.id, document.version) for document in documents} == {
        (str(ticket_id(1)), 2 * 65_536),
        (str(ticket_id(2)), 65_536),
    }


def test_an_event_without_a_projection_is_not_given_to_the_read_model() -> None:
    issued = envelope_of(TicketIssued(ticket=ticket(1)))

    writer = IndexWriter(connect(TicketDocuments).documents(Target("tickets-000001", "a UUID")))

    assert writer.select([envelope_at(1), issued]) == [issued]
    assert set(ReadModel.handles) == set(TicketDocuments.handles)


def test_an_event_that_a_newer_one_replaces_is_not_decoded() -> None:
    unreadable = envelope_of(TicketIssued(ticket=ticket(1)), data="no JSON")
    newer = envelope_of(TicketCheckedIn(ticket=ticket(1, status="checked_in", version=2)))

    [document], failures = PROJECTION.project([unreadable, newer])

    assert (document.version, failures) == (2 * 65_536, {})


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"type": "ticket.vanished"}, UnknownEventType),
        ({"schema_version": 99}, UnknownEventVersion),
        ({"data": '{"ticket": {}}'}, Unprocessable),
        ({"data": "no JSON"}, Unprocessable),
    ],
)
def test_an_event_that_can_not_be_read_is_refused(attributes: dict[str, object], error: type[Exception]) -> None:
    unreadable = envelope_of(TicketIssued(ticket=ticket(1)), **attributes)

    documents, failures = PROJECTION.project([unreadable, envelope_of(TicketIssued(ticket=ticket(2)))])

    assert [document.id for document in documents] == [str(ticket_id(2))]
    assert {event: type(failure) for event, failure in failures.items()} == {unreadable.id: error}


@pytest.mark.parametrize("attributes", [{"subject": str(ticket_id(2))}, {"aggregate_version": 7}])
def test_an_event_whose_envelope_and_data_disagree_is_refused(attributes: dict[str, object]) -> None:
    documents, failures = PROJECTION.project([envelope_of(TicketIssued(ticket=ticket(1)), **attributes)])

    [failure] = failures.values()
    assert documents == []
    assert isinstance(failure, Unprocessable)
    assert "is addressed to" in str(failure)


def test_the_mapping_has_the_fields_of_the_document() -> None:
    assert set(TicketDocuments.mapping) == set(TicketDocument.__struct_fields__)


def test_the_statuses_are_those_of_the_tickets() -> None:
    assert list(STATUSES) == Status.values


def history(number: int, length: int) -> list[TicketEvent]:
    """Return this many events of a ticket, which may be more than a real ticket has."""
    return [
        TicketCheckedIn(ticket=ticket(number, version=version, title=f"title {version}"))
        for version in range(1, length + 1)
    ]


histories = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[dict[str, int], list[list[Envelope]]]:
    """Draw each ticket's last version, and batches that hold every event at least once, in any order."""
    lengths = dict(enumerate(draw(histories)))
    events = [event for number, length in lengths.items() for event in history(number, length)]
    repeated = draw(st.lists(st.sampled_from(events), max_size=10))
    order = draw(st.permutations(events + repeated))
    size = draw(st.integers(1, 7))
    batches = [[envelope_of(event) for event in order[start : start + size]] for start in range(0, len(order), size)]
    return {str(ticket_id(number)): length for number, length in lengths.items()}, batches


def write(index: dict[str, VersionedDocument], documents: list[VersionedDocument]) -> None:
    """Store documents by external version, as Elasticsearch does."""
    for document in documents:
        stored = index.get(document.id)
        if stored is None or stored.version < document.version:
            index[document.id] = document


@given(deliveries())
def test_any_order_and_repetition_ends_in_the_newest_states(
    delivered: tuple[dict[str, int], list[list[Envelope]]],
) -> None:
    last_versions, batches = delivered
    index: dict[str, VersionedDocument] = {}

    for batch in batches:
        write(index, PROJECTION.project(batch).documents)

    assert {key: (found.version, found.source.title) for key, found in index.items()} == {
        key: (version * 65_536, f"title {version}") for key, version in last_versions.items()
    }
