"""The guarantees of a stream on any server; a test class of each tier derives from these."""

import time

import pytest
from msgspec.structs import replace
from pytest_django import Settings

from events.envelope import Envelope
from events.exceptions import GroupLost
from events.stream.interface import Entry, Stream
from events.stream.tail import EMPTY, Tail
from tests.things import envelope_at

GROUP = "readers"
READER = "one"


def filled(stream: Stream, count: int) -> list[Envelope]:
    envelopes = [envelope_at(position) for position in range(1, count + 1)]
    assert stream.append(0, EMPTY, envelopes) == tail_of(envelopes)
    return envelopes


def tail_of(envelopes: list[Envelope]) -> Tail:
    return Tail(envelopes[-1].position or 0, str(envelopes[-1].id))


def entries_of(envelopes: list[Envelope]) -> list[Entry]:
    return [Entry(f"{envelope.position}-0", envelope) for envelope in envelopes]


@pytest.mark.django_db
class StreamContract:
    def test_a_new_stream_has_the_empty_tail(self, stream: Stream) -> None:
        assert stream.tail(0) == EMPTY
        assert stream.length(0) == 0

    def test_appended_events_are_read_unchanged(self, stream: Stream) -> None:
        envelopes = filled(stream, 3)

        assert stream.entries(0, after="0", count=10) == entries_of(envelopes)
        assert stream.last_entries(0, count=2) == entries_of(envelopes[1:])
        assert stream.tail(0) == tail_of(envelopes)

    def test_any_text_is_read_unchanged(self, stream: Stream) -> None:
        text = "".join(map(chr, [*range(0x300), 0x2028, 0xFFFF, 0x1F3AB, 0x10FFFF])) + "\\u0041 \\n"
        envelope = replace(envelope_at(1), data=text, actor=text, extensions={"tenant": text})

        stream.append(0, EMPTY, [envelope])

        assert stream.entries(0, after="0", count=10) == entries_of([envelope])

    def test_a_repeated_append_changes_nothing(self, stream: Stream) -> None:
        envelopes = filled(stream, 3)

        assert stream.append(0, EMPTY, envelopes) == tail_of(envelopes)

        assert stream.entries(0, after="0", count=10) == entries_of(envelopes)

    def test_an_append_is_refused_unless_the_expected_event_is_the_last(self, stream: Stream) -> None:
        envelopes = filled(stream, 2)
        another = Tail(2, str(envelope_at(2).id))

        assert stream.append(0, another, [envelope_at(3)]) == tail_of(envelopes)

        assert stream.length(0) == 2

    def test_an_append_that_would_skip_positions_is_refused(self, stream: Stream) -> None:
        envelopes = filled(stream, 1)
        later = envelope_at(3)

        assert stream.append(0, Tail(2, str(envelope_at(2).id)), [later]) == tail_of(envelopes)

        assert stream.length(0) == 1

    def test_a_stream_trimmed_to_nothing_keeps_its_last_position(self, stream: Stream) -> None:
        filled(stream, 3)
        stream._client.xtrim(stream.key(0), maxlen=0, approximate=False)

        assert stream.tail(0) == Tail(3, "")
        fourth = envelope_at(4)
        assert stream.append(0, Tail(3, ""), [fourth]) == tail_of([fourth])

    def test_a_foreign_entry_is_recognized(self, stream: Stream) -> None:
        filled(stream, 1)
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="7-0")

        assert stream.tail(0) == Tail(7, "foreign")
        assert stream.entries(0, after="1-0", count=10) == [Entry("7-0", None, {"KEY": "VALUE"})]

    def test_a_wake_up_before_a_wait_ends_the_wait_at_once(self, stream: Stream) -> None:
        stream.wait_for_wake(0.01)
        stream.wake()

        started = time.monotonic()
        stream.wait_for_wake(30)

        assert time.monotonic() - started < 30

    def test_a_group_reads_each_entry_once(self, stream: Stream) -> None:
        entries = entries_of(filled(stream, 3))
        stream.create_group(0, GROUP, after=0)

        assert stream.read(GROUP, READER, [0], count=2, block_seconds=0.01) == {0: entries[:2]}
        assert stream.read(GROUP, READER, [0], count=2, block_seconds=0.01) == {0: entries[2:]}
        assert stream.read(GROUP, READER, [0], count=2, block_seconds=0.01) == {}
        stream.acknowledge(0, GROUP, [entries[0].id])
        assert stream.pending(0, GROUP) == 2

    def test_a_rewound_group_reads_from_after_the_position_with_nothing_pending(self, stream: Stream) -> None:
        entries = entries_of(filled(stream, 5))
        stream.create_group(0, GROUP, after=0)
        stream.read(GROUP, READER, [0], count=4, block_seconds=0)
        stream.acknowledge(0, GROUP, [entries[0].id])

        stream.rewind(0, GROUP, after=2)

        assert stream.pending(0, GROUP) == 0
        assert stream.read(GROUP, READER, [0], count=10, block_seconds=0) == {0: entries[2:]}

    def test_rewinding_forgets_pending_entries_that_the_stream_has_lost(self, stream: Stream) -> None:
        filled(stream, 3)
        stream.create_group(0, GROUP, after=0)
        stream.read(GROUP, READER, [0], count=3, block_seconds=0)
        stream._client.xtrim(stream.key(0), maxlen=0)

        stream.rewind(0, GROUP, after=0)

        assert stream.pending(0, GROUP) == 0

    def test_rewinding_a_missing_group_raises_group_lost(self, stream: Stream) -> None:
        with pytest.raises(GroupLost):
            stream.rewind(0, GROUP, after=0)
        filled(stream, 1)
        with pytest.raises(GroupLost):
            stream.rewind(0, GROUP, after=0)

    def test_a_group_starts_after_its_position_and_is_created_once(self, stream: Stream) -> None:
        entries = entries_of(filled(stream, 3))
        stream.create_group(0, GROUP, after=2)
        stream.create_group(0, GROUP, after=0)

        assert stream.read(GROUP, READER, [0], count=10, block_seconds=0.01) == {0: entries[2:]}

    def test_reading_with_a_missing_group_raises_group_lost(self, stream: Stream) -> None:
        filled(stream, 1)

        with pytest.raises(GroupLost):
            stream.read(GROUP, READER, [0], count=10, block_seconds=0.01)

    def test_the_stream_is_trimmed_to_about_its_maximum(self, stream: Stream, settings: Settings) -> None:
        settings.EVENTS_STREAM_MAX_LENGTH = 100

        filled(stream, 500)

        assert 100 <= stream.length(0) < 300

    def test_trimming_by_hand_leaves_exactly_the_newest_entries(self, stream: Stream) -> None:
        entries = entries_of(filled(stream, 5))

        assert stream.trim(0, length=2) == 3
        assert stream.trim(0, length=2) == 0

        assert stream.entries(0, after="0", count=10) == entries[3:]

    def test_memory_usage_grows_with_the_entries_if_the_server_tells_it(self, stream: Stream) -> None:
        before = stream.memory_usage(0)

        filled(stream, 400)

        after = stream.memory_usage(0)
        assert (before is None) == (after is None)
        assert after is None or after > 40_000

    def test_no_commands_are_refused_to_a_user_with_all_permissions(self, stream: Stream) -> None:
        assert not stream.refused_commands()
