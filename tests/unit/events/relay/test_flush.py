import pytest
from pytest_django import Settings

from events import log, record, unit_of_work
from events.exceptions import Diverged
from events.log.positions import NONE_GIVEN, GivenPositions, give_positions
from events.models import LogEntry, Partition
from events.relay import flush as relay
from events.relay import partition_relay
from events.stream.interface import Stream
from events.stream.tail import EMPTY
from tests.things import ThingMade, envelope_at

pytestmark = pytest.mark.django_db


def make_things(count: int, *, note: str = "") -> None:
    first = LogEntry.objects.count() + 1
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}", note=note) for number in range(first, first + count)))


def positions_on(stream: Stream) -> list[str]:
    return [entry.id for entry in stream.entries(0, after="0", count=10_000)]


def ids(first: int, last: int) -> list[str]:
    return [f"{position}-0" for position in range(first, last + 1)]


class TestPositions:
    def test_rows_are_numbered_in_the_order_of_their_ids_without_gaps(self) -> None:
        make_things(3)
        assert give_positions(0).positions == range(1, 4)
        make_things(2)
        assert give_positions(0).positions == range(4, 6)

        assert list(LogEntry.objects.order_by("id").values_list("place__position", flat=True)) == [1, 2, 3, 4, 5]
        assert log.last_position(0) == 5

    def test_without_new_rows_no_positions_are_given(self) -> None:
        assert give_positions(0) == NONE_GIVEN._replace(partitions=1)
        assert log.last_position(0) == 0

    def test_at_most_500_positions_are_given_at_once(self) -> None:
        make_things(501)

        assert give_positions(0).positions == range(1, 501)
        assert give_positions(0).positions == range(501, 502)

    def test_a_batch_ends_at_a_megabyte_but_has_one_event_at_least(self) -> None:
        make_things(3, note="x" * 900_000)
        give_positions(0)

        assert [envelope.position for envelope in log.read_after(0, 0)] == [1]
        assert [envelope.position for envelope in log.read_after(0, 1)] == [2]

    def test_the_log_tells_how_many_of_the_next_events_have_a_megabyte(self) -> None:
        make_things(3)
        make_things(2, note="x" * 600_000)
        give_positions(0)

        assert [log.count_fitting(0, position, limit=9) for position in range(6)] == [4, 3, 2, 1, 1, 0]
        assert log.count_fitting(0, 0, limit=2) == 2

    def test_the_size_of_the_next_events_is_unknown_if_one_was_compacted_away(self) -> None:
        make_things(3)
        give_positions(0)
        LogEntry.objects.filter(place__position=2).delete()

        assert [log.count_fitting(0, position, limit=9) for position in range(3)] == [0, 0, 1]


class TestSweep:
    def test_it_appends_all_waiting_events_in_batches(self, stream: Stream) -> None:
        make_things(502)

        assert relay.sweep(stream, 0) == 502

        assert positions_on(stream) == ids(1, 502)

    def test_with_nothing_to_do_it_changes_nothing(self, stream: Stream) -> None:
        make_things(2)
        relay.sweep(stream, 0)

        assert relay.sweep(stream, 0) == 0

        assert positions_on(stream) == ids(1, 2)

    def test_a_wiped_stream_is_filled_again(self, stream: Stream) -> None:
        make_things(5)
        relay.sweep(stream, 0)
        stream._client.flushall()

        assert relay.sweep(stream, 0) == 5

        assert positions_on(stream) == ids(1, 5)

    def test_after_a_wipe_only_the_window_is_sent_again(self, stream: Stream, settings: Settings) -> None:
        settings.EVENTS_STREAM_MAX_LENGTH = 100
        make_things(300)
        relay.sweep(stream, 0)
        stream._client.flushall()

        relay.sweep(stream, 0)

        assert positions_on(stream) == ids(201, 300)

    def test_a_lost_suffix_is_sent_again(self, stream: Stream) -> None:
        make_things(5)
        relay.sweep(stream, 0)
        stream._client.flushall()
        stream.append(0, EMPTY, log.read_after(0, 0, limit=2))  # As after a fail-over to a replica that was behind.

        assert relay.sweep(stream, 0) == 3

        assert positions_on(stream) == ids(1, 5)

    def test_a_stream_trimmed_to_nothing_continues_at_its_position(self, stream: Stream) -> None:
        make_things(3)
        relay.sweep(stream, 0)
        stream._client.xtrim(stream.key(0), maxlen=0, approximate=False)
        make_things(1)

        assert relay.sweep(stream, 0) == 1

        assert positions_on(stream) == ids(4, 4)

    @pytest.mark.parametrize("foreign_id", ["2-0", "1795456618552-0"])
    def test_a_foreign_end_is_taken_away(self, stream: Stream, foreign_id: str) -> None:
        make_things(1)
        relay.sweep(stream, 0)
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id=foreign_id)
        make_things(5)

        assert relay.sweep(stream, 0) == 6

        assert positions_on(stream) == ids(1, 6)

    def test_what_comes_meanwhile_is_left_for_the_next_one(
        self, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_things(700)

        def give_while_another_writes(partition: int) -> GivenPositions:
            given = give_positions(partition)
            make_things(500)
            return given

        monkeypatch.setattr(partition_relay, "give_positions", give_while_another_writes)

        assert relay.sweep(stream, 0) == 1_000

    def test_events_of_a_restored_log_stop_it_for_good(self, stream: Stream) -> None:
        stream.append(0, EMPTY, [envelope_at(1), envelope_at(2)])
        make_things(1)
        for _ in range(3):
            with pytest.raises(Diverged):
                relay.sweep(stream, 0)
            make_things(1)

        assert positions_on(stream) == ids(1, 2)

    def test_an_unknown_tail_below_the_compacted_events_is_the_log_s_own(self, stream: Stream) -> None:
        make_things(3)
        relay.sweep(stream, 0)
        LogEntry.objects.filter(place__position=3).delete()
        Partition.objects.update(compacted_to=3)
        make_things(1)

        assert relay.sweep(stream, 0) == 1

        assert positions_on(stream) == ids(1, 4)


class TestFlushBatch:
    def test_it_appends_committed_events(self, stream: Stream) -> None:
        make_things(2)
        relay.flush_batch(stream, 0)
        make_things(1)
        relay.flush_batch(stream, 0)

        assert positions_on(stream) == ids(1, 3)

    def test_it_takes_one_batch_and_leaves_the_rest_to_the_relay(self, stream: Stream) -> None:
        make_things(501)

        relay.flush_batch(stream, 0)

        assert positions_on(stream) == ids(1, 500)

    def test_if_the_stream_is_behind_it_appends_after_the_stream_s_end(self, stream: Stream) -> None:
        make_things(3)
        give_positions(0)  # By a process that died before it appended.
        make_things(1)

        relay.flush_batch(stream, 0)

        assert positions_on(stream) == ids(1, 4)

    def test_after_a_wipe_it_sends_only_events_of_the_window(self, stream: Stream, settings: Settings) -> None:
        settings.EVENTS_STREAM_MAX_LENGTH = 100
        make_things(300)
        relay.sweep(stream, 0)
        stream._client.flushall()
        make_things(1)

        relay.flush_batch(stream, 0)

        assert positions_on(stream) == ids(202, 301)


class TestFlushReleased:
    def test_in_an_outage_events_are_left_to_the_relay_and_the_breaker_opens(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            make_things(1)
            relay.flush_committed({0})
        assert caplog.text.count("left to the relay") == 3

        make_things(1)
        relay.flush_committed({0})

        assert caplog.text.count("left to the relay") == 3

    def test_a_foreign_end_fails_no_request_and_is_left_to_the_relay(
        self, stream: Stream, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_things(1)
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"}, id="7-0")
        stream.wait_for_wake(0.001)

        relay.flush_committed({0})

        assert caplog.text == ""
        assert stream.tail(0).position == 7
        assert log.last_position(0) == 1

    def test_a_diverged_stream_fails_no_request_and_gets_no_position(self, stream: Stream) -> None:
        make_things(1)
        relay.sweep(stream, 0)
        Partition.objects.update(divergence="the log was restored")
        make_things(1)

        relay.flush_committed({0})

        assert log.last_position(0) == 1
        assert positions_on(stream) == ids(1, 1)


FAILURES = 3
"""So many open the breaker."""


class TestWithoutRedis:
    @pytest.fixture
    def nowhere(self, settings: Settings) -> None:
        settings.EVENTS_STREAM_BACKEND = "events.stream.redis_stream.RedisStream"
        settings.EVENTS_STREAM_URL = "redis://127.0.0.1:1/events"

    @pytest.mark.usefixtures("nowhere")
    @pytest.mark.parametrize("failures", [0, FAILURES])
    def test_a_request_still_gives_positions(self, failures: int) -> None:
        for _ in range(failures):
            relay.flush_committed({0})
        assert relay.breaker.opened == bool(failures)
        make_things(2)

        relay.flush_committed({0})

        assert log.last_position(0) == 2

    @pytest.mark.usefixtures("nowhere")
    def test_it_gives_none_where_the_stream_has_diverged(self) -> None:
        for _ in range(FAILURES):
            relay.flush_committed({0})
        make_things(2)
        Partition.objects.update(divergence="the log was restored")

        relay.flush_committed({0})

        assert log.last_position(0) == 0

    @pytest.mark.usefixtures("nowhere")
    def test_it_gives_none_if_only_the_relay_flushes(self, settings: Settings) -> None:
        settings.EVENTS_FLUSH_ON_COMMIT = False
        make_things(2)

        relay.flush_committed({0})

        assert log.last_position(0) == 0

    def test_a_batch_of_500_says_that_more_rows_may_wait(self) -> None:
        make_things(501)

        assert relay.give_positions_without_redis({0})
        assert not relay.give_positions_without_redis({0})

        assert log.last_position(0) == 501
