"""The metadata of envelopes: from the collector, and from EVENTS_METADATA."""

import msgspec
import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.envelope import ATTRIBUTES, MAC
from events.exceptions import MetadataRefused
from events.log.reading import read_after
from events.models import LogEntry
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import ThingMade, envelope_at

HOOK = f"{__name__}.attributes"
returned: object = {}


def attributes() -> object:
    return returned


@pytest.fixture
def hook(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    settings.EVENTS_METADATA = HOOK
    return monkeypatch


@pytest.mark.django_db(transaction=True)
def test_attributes_of_the_project_are_kept_in_the_log_and_flat_on_the_stream(
    hook: pytest.MonkeyPatch, stream: Stream
) -> None:
    hook.setattr(f"{__name__}.returned", {"tenant": "Ünal & Co", "release": "17"})
    with unit_of_work():
        record(ThingMade(name="a"), ThingMade(name="b"))
    relay.sweep(stream, 0)

    assert [row.extensions for row in LogEntry.objects.all()] == [{"tenant": "Ünal & Co", "release": "17"}] * 2
    [(_, fields), _] = stream._client.xrange(stream.key(0))
    assert (fields["tenant"], fields["release"]) == ("Ünal & Co", "17")
    from_stream = [entry.envelope for entry in stream.entries(0, after="0", count=9)]
    assert from_stream == read_after(0, 0)
    assert [envelope and envelope.extensions for envelope in from_stream] == [
        {"tenant": "Ünal & Co", "release": "17"}
    ] * 2


@pytest.mark.django_db(transaction=True)
def test_without_attributes_nothing_is_added(hook: pytest.MonkeyPatch, stream: Stream) -> None:
    with unit_of_work():
        record(ThingMade(name="a"))
    relay.sweep(stream, 0)

    assert LogEntry.objects.get().extensions is None
    [(_, fields)] = stream._client.xrange(stream.key(0))
    assert fields.keys() <= ATTRIBUTES


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"Tenant": "a"}, "returned 'Tenant': a name must have 1 to 20 lower-case ASCII letters and digits"),
        ({"tenant_id": "a"}, "returned 'tenant_id': a name must have 1 to 20"),
        ({"": "a"}, "returned '': a name must have 1 to 20"),
        ({"a" * 21: "a"}, "a name must have 1 to 20"),
        ({7: "a"}, "returned 7: a name must have 1 to 20"),
        ({"subject": "a"}, "returned 'subject': the envelope already has an attribute of this name"),
        ({"actor": "a"}, "returned 'actor': the envelope already has an attribute of this name"),
        ({"partition": "a"}, "returned 'partition': the feed adds an attribute of this name"),
        ({"position": "a"}, "returned 'position': the feed adds an attribute of this name"),
        ({"tenant": 7}, "returned 'tenant': its value is 7; it must be text"),
        ({"tenant": ""}, "its value is ''; it must be text, and be left out if it is empty"),
        ({"tenant": "a\0"}, "its value is 'a.x00', which a database can't store"),
        ({"tenant": "\udc80"}, "which a database can't store"),
        (["tenant"], "instead of a dict of names and texts"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_malformed_attributes_are_refused_and_the_change_is_rolled_back(
    hook: pytest.MonkeyPatch, attributes: object, message: str
) -> None:
    hook.setattr(f"{__name__}.returned", attributes)

    with pytest.raises(MetadataRefused, match=message), unit_of_work():
        record(ThingMade(name="a"))

    assert not LogEntry.objects.exists()


@pytest.mark.django_db
def test_no_field_of_an_entry_can_be_an_extension() -> None:
    filled = {"causation_id": "1", "actor": "ada", "traceparent": "00-"}
    envelope = msgspec.structs.replace(envelope_at(1), **filled)

    assert {*envelope.to_fields(), MAC} == ATTRIBUTES
