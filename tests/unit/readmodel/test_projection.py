"""A projection's version, alias and hidden documents; the tickets' projections have tests of their own."""

from typing import Any

import pytest
from pytest_django import Settings

from events.envelope import Envelope
from readmodel.projection import Projection, projections
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.timeline import Timeline
from tests.things import ThingEvent, ThingMade, ThingMoved, envelope_at

NAMELESS = "a thing without a name"


class Things(Projection):
    name = "things"
    revision = 3
    handles = (ThingMade, ThingMoved)
    mapping = {"id": {"type": "keyword"}, "version": {"type": "long"}}

    def document(self, event: ThingEvent, envelope: Envelope) -> dict[str, Any] | None:
        is_hidden = isinstance(event, ThingMade) and event.note == NAMELESS
        return None if is_hidden else {"id": envelope.subject, "version": envelope.aggregate_version}


class HistoryOfThings(Things):
    name = "history"
    is_per_event = True
    subject_field = "thing"


@pytest.mark.parametrize(
    ("projection", "version"), [(TicketDocuments, "3-0ce0c9bb"), (Timeline, "1-be635331")], ids=["tickets", "timeline"]
)
def test_a_version_changes_only_on_purpose(projection: type[Projection], version: str) -> None:
    assert projection().version == version


@pytest.mark.parametrize(
    "changed",
    [
        {"revision": 4},
        {"mapping": {**Things.mapping, "note": {"type": "text"}}},
        {"settings": {"analysis": {"analyzer": {"words": {"type": "standard"}}}}},
    ],
    ids=["revision", "mapping", "analysis"],
)
def test_each_of_these_changes_makes_another_version(changed: dict[str, Any]) -> None:
    assert type("Changed", (Things,), changed)().version != Things().version


def test_other_settings_do_not_change_the_version() -> None:
    assert type("Changed", (Things,), {"settings": {"number_of_shards": 2}})().version == Things().version


def test_the_first_projection_has_the_alias_and_the_others_begin_with_their_names(settings: Settings) -> None:
    settings.READMODEL_ALIAS = "live"

    assert [projection().alias for projection in projections()] == ["live", "timeline-live"]


def test_without_a_setting_the_alias_is_the_name_of_the_first_projection(settings: Settings) -> None:
    del settings.READMODEL_ALIAS

    assert [projection().alias for projection in projections()] == ["tickets", "timeline-tickets"]


def test_a_hidden_document_is_stored_with_its_version_alone() -> None:
    [made] = Things().project([envelope_at(1, note=NAMELESS)]).documents

    assert (made.version, made.source) == (65_536, {"version": 1})


def test_a_hidden_document_of_an_event_names_its_aggregate_too() -> None:
    envelope = envelope_at(1, note=NAMELESS)

    [made] = HistoryOfThings().project([envelope]).documents

    assert (made.id, made.source) == (str(envelope.id), {"version": 1, "thing": envelope.subject})


@pytest.mark.parametrize("source", [{"id": "thing-1"}, {"version": 1}, {"id": "thing-1", "version": 2}, {}])
def test_a_document_without_its_id_or_version_is_refused(source: dict[str, Any]) -> None:
    class Wrong(Things):
        def document(self, event: ThingEvent, envelope: Envelope) -> dict[str, Any]:
            return source

    documents, failures = Wrong().project([envelope_at(1)])

    [failure] = failures.values()
    assert documents == []
    assert str(failure) == (
        "test_a_document_without_its_id_or_version_is_refused.<locals>.Wrong.document must return the id as 'id' "
        "and the event's version, 1, as 'version'"
    )
