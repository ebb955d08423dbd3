"""The events that a group has handled, by aggregate and by event, on SQLite; the read model's tests use PostgreSQL."""

import pytest

from events import log, record, unit_of_work
from events.groups.handled import HandledByAggregate, HandledEvents
from events.groups.handled_by_event import HandledByEvent
from events.log.positions import give_positions
from events.models import Checkpoint, DeadLetter, LogEntry, Partition
from tests.things import ThingMade, ThingMoved

pytestmark = pytest.mark.django_db

PLACE = ("recorder", "index", "thing", ("thing.made", "thing.moved"))


@pytest.fixture
def ids() -> list[str]:
    """Return the ids of three events: two of the thing `a`, the second one unsettled, and one of `b`."""
    with unit_of_work():
        record(ThingMade(name="a"), ThingMade(name="b"), ThingMoved(name="a", version=2))
    give_positions(0)
    Checkpoint.objects.create(group="recorder", target="index", partition=0, position=2)
    return [str(envelope.id) for envelope in log.read_after(0, 0)]


@pytest.fixture
def by_aggregate() -> HandledEvents:
    return HandledByAggregate(*PLACE)


@pytest.fixture
def by_event() -> HandledEvents:
    return HandledByEvent(*PLACE)


def test_pages_contain_all_keys(ids: list[str], by_aggregate: HandledEvents, by_event: HandledEvents) -> None:
    for settled, keys in ((by_aggregate, ["a", "b"]), (by_event, ids)):
        assert settled.count() == len(keys)
        assert settled.keys_after("", 2) + settled.keys_after(keys[1], 2) == keys
        assert sorted(settled.random_keys(10)) == keys
        assert settled.known([*keys, "c", "null\x00character", ids[0].upper()]) == set(keys)


def test_the_newest_versions_include_unsettled_events(
    ids: list[str], by_aggregate: HandledEvents, by_event: HandledEvents
) -> None:
    assert by_aggregate.versions_after("", 10) == {"a": 2, "b": 1}
    assert by_aggregate.versions_after("a", 10) == {"b": 1}
    assert by_event.versions_after(ids[0], 1) == {ids[1]: 1}


def test_the_newest_settled_event_is_returned(
    ids: list[str], by_aggregate: HandledEvents, by_event: HandledEvents
) -> None:
    events = log.read_after(0, 0)

    assert by_aggregate.newest(["a", "b", "c"]) == {"a": events[0], "b": events[1]}
    assert by_event.newest([*ids, "c"]) == {ids[0]: events[0], ids[1]: events[1]}
    assert by_aggregate.first_from({"a": 2, "b": 2}) == {"a": events[2]}
    assert by_event.first_from({ids[2]: 2, ids[1]: 2, "c": 1}) == {ids[2]: events[2]}
    assert by_event.count_unsettled() == 1


@pytest.mark.parametrize("state", ["parked", "discarded"])
def test_parked_and_discarded_events_are_left_out(
    state: str, ids: list[str], by_aggregate: HandledEvents, by_event: HandledEvents
) -> None:
    letter = park(ids[0], state)

    assert by_aggregate.newest(["a"]) == by_event.newest([ids[0]]) == {}
    is_open = state == "parked"
    assert by_aggregate.parked(["a", "b"]) == ({"a": 1} if is_open else {})
    assert by_event.parked([*ids, "c"]) == ({ids[0]: 1} if is_open else {})
    letter.state = DeadLetter.State.HANDLED
    letter.save()
    for settled, key in ((by_aggregate, "a"), (by_event, ids[0])):
        assert settled.newest([key])[key].data == '{"edited": true}'


def park(event_id: str, state: str) -> DeadLetter:
    place = {"group": "recorder", "target": "index", "partition": 0, "position": 1, "entry_id": "1-0"}
    edited = {"edited_data": '{"edited": true}', "edited_version": 1}
    return DeadLetter.objects.create(**place, **edited, event_id=event_id, subject="a", state=state)


def test_compacted_events_are_reported_as_dropped(
    ids: list[str], by_aggregate: HandledEvents, by_event: HandledEvents
) -> None:
    sources = {"dropped": ("a", 1), "there": ("a", 2), "to come": ("a", 3), "unknown": ("c", 1)}
    LogEntry.objects.filter(event_id=ids[0]).delete()
    assert by_event.dropped(sources) == set()

    Partition.objects.update(compacted_to=3)

    assert by_event.dropped(sources) == {"dropped"}
    assert by_event.dropped({}) == set()
    assert by_aggregate.dropped(sources) == set()
