"""Pages of the feed, and the windows in memory."""

import json

import pytest

from events import record, unit_of_work
from events.feed import pages as feed
from events.feed.cursor import CursorAhead, FeedCursor
from events.feed.pages import FeedFilter
from events.feed.window import BYTES, EVENTS, FeedWindow
from events.log.positions import give_positions
from events.models import LogEntry, Partition, Position
from tests.things import ThingMade, ThingMoved, envelope_at


def make(*names: str, note: str = "") -> None:
    with unit_of_work():
        record(*(ThingMade(name=name, note=note) for name in names))
    give_positions(0)


def positions(page: feed.FeedPage) -> list[int]:
    return [event.position for event in page.events]


@pytest.mark.django_db
@pytest.mark.usefixtures("stream")
class TestRead:
    def test_pages_follow_one_another_to_the_end(self) -> None:
        make(*"abcde")
        first = feed.read_page(feed.start(), limit=3)
        second = feed.read_page(first.next, limit=3)
        third = feed.read_page(second.next, limit=3)

        assert (positions(first), first.has_more) == ([1, 2, 3], True)
        assert (positions(second), second.has_more) == ([4, 5], False)
        assert (positions(third), third.has_more, third.next) == ([], False, second.next)

    def test_after_the_end_there_are_only_new_events(self) -> None:
        make("a")
        end = feed.end()
        make("b")

        assert [event.subject for event in feed.read_page(end, limit=3).events] == ["b"]

    def test_events_without_a_position_are_not_in_the_feed(self) -> None:
        LogEntry.objects.all().delete()
        make("a")
        LogEntry.objects.bulk_create([LogEntry(**row | {"id": None}) for row in without_position()])

        assert positions(feed.read_page(feed.start(), limit=9)) == [1]

    def test_an_event_is_as_on_the_stream_with_real_json_and_its_position(self) -> None:
        make("a", note='line\nbreak "é"')
        [event] = feed.read_page(feed.start(), limit=1).events
        said = json.loads(event.json)

        envelope = LogEntry.objects.get()
        assert said["data"] == {"name": "a", "version": 1, "note": 'line\nbreak "é"'}
        assert (said["id"], said["type"], said["subject"]) == (str(envelope.event_id), "thing.made", "a")
        assert (said["aggregateversion"], said["partition"], said["position"]) == (1, 0, 1)
        assert (said["specversion"], said["dataschema"]) == ("1.0", "urn:event:thing.made:1")
        assert said["time"] == envelope.time.isoformat()

    def test_json_of_several_lines_becomes_one_line(self) -> None:
        make("a")
        LogEntry.objects.update(data='{\r\n  "name": "a"\n}')
        [event] = feed.read_page(feed.start(), limit=1).events

        assert b"\n" not in event.json
        assert b"\r" not in event.json
        assert json.loads(event.json)["data"] == {"name": "a"}

    def test_a_page_is_bounded_by_bytes_but_has_at_least_one_event(self) -> None:
        make(*"abc", note="é" * 100)

        assert positions(feed.read_page(feed.start(), limit=9, max_bytes=600)) == [1, 2]
        assert positions(feed.read_page(feed.start(), limit=9, max_bytes=1)) == [1]

    def test_a_filter_skips_other_events(self) -> None:
        make(*"abc")
        with unit_of_work():
            record(ThingMoved(name="a", version=2), ThingMoved(name="b", version=2))
        give_positions(0)

        by_type = feed.read_page(feed.start(), FeedFilter(types=frozenset({"thing.moved"})), limit=1)
        by_subject = feed.read_page(feed.start(), FeedFilter(subjects=frozenset({"a", "b"})), limit=9)
        nothing = feed.read_page(feed.start(), FeedFilter(types=frozenset({"no.such"})), limit=9)

        assert (positions(by_type), by_type.has_more) == ([4], True)
        assert (positions(by_subject), by_subject.has_more) == ([1, 2, 4, 5], False)
        assert (positions(nothing), nothing.has_more, nothing.next) == ([], False, feed.end())

    def test_a_page_may_be_empty_although_more_follows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed, "SCANNED_AT_ONCE", 2)
        make(*"abcde")
        wanted = FeedFilter(subjects=frozenset({"e"}))

        first = feed.read_page(feed.start(), wanted, limit=9)
        second = feed.read_page(first.next, wanted, limit=9)
        third = feed.read_page(second.next, wanted, limit=9)

        assert [(positions(page), page.has_more) for page in (first, second, third)] == [
            ([], True),
            ([], True),
            ([5], False),
        ]

    def test_compacted_positions_are_not_gaps(self) -> None:
        make(*"abcde")
        LogEntry.objects.filter(place__position__in=[1, 3, 4]).delete()

        page = feed.read_page(feed.start(), limit=9)

        assert (positions(page), page.next.positions) == ([2, 5], (5,))

    def test_the_partition_furthest_behind_comes_first(self) -> None:
        make(*"abcde")
        Partition.objects.create(number=1)
        Position.objects.filter(position__gt=2).update(partition=1)
        Partition.objects.filter(number=0).update(last_position=2)
        Partition.objects.filter(number=1).update(last_position=5)

        first = feed.read_page(feed.start(), limit=3)
        second = feed.read_page(first.next, limit=3)

        assert [(event.partition, event.position) for event in first.events] == [(1, 3), (1, 4), (1, 5)]
        assert [(event.partition, event.position) for event in second.events] == [(0, 1), (0, 2)]
        assert (first.next.positions, second.next.positions, second.has_more) == ((0, 5), (2, 5), False)

    def test_a_cursor_ahead_of_the_log_is_refused(self) -> None:
        with pytest.raises(CursorAhead):
            feed.read_page(FeedCursor((1,)), limit=9)

    def test_a_cursor_of_a_restored_log_is_refused_also_after_the_log_has_grown_again(self) -> None:
        make(*"abcde")
        cursor = feed.end()
        LogEntry.objects.filter(place__position__gt=2).delete()
        Partition.objects.update(last_position=2)
        make(*"xyzuvw")

        with pytest.raises(CursorAhead):
            feed.read_page(cursor, limit=9)
        without_marks = FeedCursor(cursor.positions)  # Of an earlier release.
        assert positions(feed.read_page(without_marks, limit=9)) == [6, 7, 8]

    def test_a_cursor_at_an_event_that_was_compacted_away_continues(self) -> None:
        make(*"abcde")
        cursor = feed.read_page(feed.start(), limit=3).next
        LogEntry.objects.filter(place__position=3).delete()

        assert positions(feed.read_page(cursor, limit=9)) == [4, 5]


def without_position() -> list[dict[str, object]]:
    rows = list(LogEntry.objects.values())
    return [row | {"event_id": "0" * 32, "subject": "other"} for row in rows]


@pytest.mark.django_db
class TestWindow:
    def test_the_window_has_the_events_after_a_position(self) -> None:
        window = FeedWindow(4)
        window.add(event(position) for position in (5, 6, 8))

        assert (window.start, window.end) == (4, 8)
        assert [found.position for found in window.after(4)] == [5, 6, 8]
        assert [found.position for found in window.after(6)] == [8]
        assert window.after(8) == window.after(9) == []

    def test_the_window_keeps_a_bounded_number_of_the_newest_events(self) -> None:
        window = FeedWindow(0)
        window.add(event(position) for position in range(1, EVENTS + 11))

        assert (window.start, window.end) == (10, EVENTS + 10)
        assert [found.position for found in window.after(10)] == list(range(11, EVENTS + 11))

    def test_the_window_is_bounded_by_bytes(self) -> None:
        window = FeedWindow(0)
        window.add(event(position, note="x" * (BYTES // 4)) for position in range(1, 10))

        assert (window.start, window.end) == (6, 9)
        assert sum(len(found.json) for found in window.after(6)) < BYTES

    def test_an_event_larger_than_the_window_is_read_from_the_log(self) -> None:
        window = FeedWindow(0)
        window.add([event(1, note="x" * (BYTES - 100))])

        assert (window.start, window.end, window.after(1)) == (1, 1, [])


@pytest.mark.django_db
class TestWindowOfARestoredLog:
    def test_it_contradicts_a_cursor_at_another_event(self) -> None:
        first, second = event(5), event(6)
        window = FeedWindow(4, "0a1b2c3d")
        window.add([first, second])

        assert window.contradicts(5, second.mark)
        assert window.contradicts(4, second.mark)
        assert not window.contradicts(5, first.mark)
        assert not window.contradicts(4, "0a1b2c3d")
        assert not window.contradicts(5, "")


def event(position: int, *, note: str = "") -> feed.FeedEvent:
    return feed.feed_event(0, envelope_at(position, note=note))
