"""The helpers that projects use in their tests."""

import pytest
from django.core.checks import run_checks
from django.test import TestCase
from pytest_django import Settings

from events import record, unit_of_work
from events.checks import TAG
from events.exceptions import RetryLater, Unprocessable
from events.models import DeadLetter
from events.stream.interface import open_stream, stream_backend
from events.stream.redis_stream import RedisStream
from events.testing import FakeStream, captured_events, fake_stream, run_until_idle
from tests.nesting import Failed
from tests.things import Recorder, ThingMade, ThingMoved

pytestmark = pytest.mark.django_db


def make(*names: str) -> None:
    with unit_of_work():
        record(*(ThingMade(name=name) for name in names))


class TestInTestCase(TestCase):
    """All helpers work in the one transaction that a TestCase rolls back."""

    def test_events_are_captured_relayed_and_handled(self) -> None:
        recorder = Recorder()
        with fake_stream() as stream, captured_events() as captured:
            make("a", "b")
            run_until_idle("readers", recorder)

            assert stream.length(0) == 2
        assert list(captured) == [ThingMade(name="a"), ThingMade(name="b")]
        assert recorder.positions == [1, 2]


@pytest.mark.parametrize("transactional", ["db", "transactional_db"])
class TestCapturedEvents:
    @pytest.fixture(autouse=True)
    def _database(self, request: pytest.FixtureRequest, transactional: str) -> None:
        request.getfixturevalue(transactional)

    def test_captured_events_are_typed_and_only_from_the_block(self) -> None:
        make("before")
        with captured_events() as captured:
            make("a")
            with unit_of_work():
                record(ThingMoved(name="a", version=2))
        make("after")

        assert list(captured) == [ThingMade(name="a"), ThingMoved(name="a", version=2)]

    def test_captured_events_can_be_read_inside_the_block(self) -> None:
        with captured_events() as captured:
            assert list(captured) == []
            make("a")
            assert list(captured) == [ThingMade(name="a")]

    def test_rolled_back_events_are_not_captured(self) -> None:
        with captured_events() as captured:
            with pytest.raises(Failed), unit_of_work():
                record(ThingMade(name="never"))
                raise Failed
            make("a")

        assert list(captured) == [ThingMade(name="a")]


@pytest.mark.django_db(transaction=True)
class TestFakeStream:
    def test_commits_reach_the_fake_stream_and_each_block_has_its_own(self) -> None:
        with fake_stream() as stream:
            make("a")
            assert stream.length(0) == 1
        with fake_stream() as stream:
            assert stream.length(0) == 0
            make("b")
            assert stream.length(0) == 2  # The relay first sends the events that the stream lacks.

    def test_the_fake_stream_replaces_one_that_was_used_before(self) -> None:
        make("a")  # Sent to a stream that nobody reads.
        with fake_stream() as stream:
            make("b")
            assert stream.length(0) == 2

    def test_the_fake_stream_is_used_only_inside_the_block(self) -> None:
        with fake_stream():
            assert type(open_stream()) is FakeStream
        assert type(open_stream()) is RedisStream


def test_a_backend_named_as_in_earlier_releases_is_found(settings: Settings) -> None:
    settings.EVENTS_STREAM_BACKEND = "events.redis_stream.RedisStream"

    assert stream_backend() is RedisStream


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("events.testing.FakeStream", []),
        ("events.testing.Fake", ['EVENTS_STREAM_BACKEND: Module "events.testing" does not define a "Fake"']),
        ("events.testing.fake_stream", ["EVENTS_STREAM_BACKEND: events.testing.fake_stream is not a Stream"]),
    ],
)
def test_the_stream_backend_is_checked(settings: Settings, backend: str, said: list[str]) -> None:
    settings.EVENTS_STREAM_BACKEND = backend

    found = [message for message in run_checks(tags=[TAG]) if message.id == "events.E014"]
    assert [message.msg.removesuffix(" attribute/class") for message in found] == said


@pytest.mark.usefixtures("stream")
class TestRunUntilIdle:
    def test_a_group_is_run_by_its_name(self, settings: Settings) -> None:
        settings.EVENTS_SUBSCRIBERS = {"readers": f"{__name__}.Refusing"}
        make("a")

        run_until_idle("readers")

        assert DeadLetter.objects.get().group == "readers"

    def test_a_second_run_continues_after_the_first(self) -> None:
        recorder = Recorder()
        for name in "ab":
            make(name)
            run_until_idle("readers", recorder)

        assert recorder.positions == [1, 2]

    @pytest.mark.parametrize("failure", [RetryLater("not yet"), ZeroDivisionError("a bug")])
    def test_failures_that_a_consumer_would_retry_are_raised(self, failure: Exception) -> None:
        recorder = Recorder()
        recorder.raises = [failure]
        make("a")

        with pytest.raises(type(failure)):
            run_until_idle("readers", recorder)

        assert recorder.closed


class Refusing(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.refuses = {"a": Unprocessable("it does not fit")}
