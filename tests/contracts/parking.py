"""Any error can be parked, and any entry can be read, on each database."""

from collections.abc import Callable

import pytest

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.consumer.settling import Batch
from events.dead_letters.actions import discard
from events.exceptions import Unprocessable
from events.groups.ownership import Ownership
from events.models import DeadLetter, DeadLetterAction, Member, Partition
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.interface import Stream
from events.subscriber import Subscriber
from tests.things import ThingMade

GROUP = "things"


class Unspeakable(Unprocessable):
    def __str__(self) -> str:
        raise ZeroDivisionError


class Refusing(Subscriber):
    """Handles everything but one thing."""

    ordered = True

    def __init__(self, refuses: str = "", error: Callable[[], Exception] = Unprocessable) -> None:
        self.refuses = refuses
        self.error = error
        self.handled: list[str] = []

    def handle(self, batch: Batch) -> None:
        if self.refuses in {envelope.subject for envelope in batch}:
            raise self.error()
        self.handled += [envelope.subject for envelope in batch]


def make(stream: Stream, *names: str) -> None:
    with unit_of_work():
        record(*(ThingMade(name=name) for name in names))
    relay.sweep(stream, 0)


def consume(subscriber: Refusing, stream: Stream, *, name: str = "one", failures: int = 1) -> list[str]:
    limits = Limits(block_seconds=0.01, failures=failures)
    Consumer(subscriber, stream, Ownership(GROUP, name), shutdown=Shutdown(), limits=limits).run(until_idle=True)
    return subscriber.handled


class ParkingContract:
    @pytest.mark.parametrize(
        ("error", "shown"),
        [
            (lambda: Unprocessable("x\0y"), "x\\u0000y"),
            (lambda: Unprocessable("x\udc80y"), "x\\udc80y"),
            (lambda: Unprocessable("ü\U0001f600"), "ü\U0001f600"),
            (lambda: Unprocessable("x" * 1_000_000), "x" * 20_000),
            (Unspeakable, "its message can't be shown"),
            (type("E" * 300, (Unprocessable,), {"__doc__": "Long."}), "Long."),
        ],
        ids=["null", "surrogate", "emoji", "huge", "unspeakable", "long type"],
    )
    def test_an_event_is_parked_whatever_the_error_says(
        self, stream: Stream, error: Callable[[], Exception], shown: str
    ) -> None:
        make(stream, "a", "b", "c")

        assert consume(Refusing("b", error), stream) == ["a", "c"]

        [letter] = DeadLetter.objects.all()
        assert (letter.subject, letter.error) == ("b", shown)
        assert DeadLetterAction.objects.get().detail == shown

    def test_a_retried_letter_is_parked_again_whatever_the_error_says(self, stream: Stream) -> None:
        make(stream, "a")
        consume(Refusing("a"), stream)
        DeadLetter.objects.update(state=DeadLetter.State.RETRY)

        consume(Refusing("a", lambda: ZeroDivisionError("x\0\udfff")), stream)

        [letter] = DeadLetter.objects.all()
        assert (letter.state, letter.attempts, letter.error) == ("parked", 2, "x\\u0000\\udfff")
        assert "ZeroDivisionError: x\\u0000\\udfff" in letter.traceback

    def test_a_foreign_entry_is_only_counted_whatever_its_fields_say(self, stream: Stream) -> None:
        make(stream, "a")
        stream._client.xadd(stream.key(0), {"K\0": "a\x00b", "id": "\0"}, id="7-0")
        stream._client.xadd(stream.key(0), {b"K": b"\xed\xb2\x80"}, id="8-0")

        assert consume(Refusing(), stream) == ["a"]

        assert Partition.objects.get().foreign_entries == 2
        assert not DeadLetter.objects.exists()

    def test_an_altered_entry_is_read_from_the_log_whatever_it_says(self, stream: Stream) -> None:
        make(stream, "a", "b", "c")
        entries = stream._client.xrange(stream.key(0))
        stream._client.delete(stream.key(0))
        for entry_id, fields in entries:
            altered = {"subject": "b\0" * 150, "type": "x\0y"} if entry_id == "2-0" else {}
            stream._client.xadd(stream.key(0), fields | altered, id=entry_id)

        assert consume(Refusing(), stream) == ["a", "b", "c"]

        assert Partition.objects.get().foreign_entries == 1

    def test_a_trouble_is_shown_whatever_the_error_says(self, stream: Stream) -> None:
        owner = Ownership(GROUP, "x\udc80" * 200)
        owner.condition = owner.condition._replace(state="retrying", error="x\0\ud800")
        owner.heartbeat()

        assert Member.objects.get().error == "x\\u0000\\ud800"
        assert Member.objects.get().id == owner.member

    def test_a_reason_is_kept_whatever_it_says(self, stream: Stream) -> None:
        make(stream, "a")
        consume(Refusing("a"), stream)

        outcome = discard(DeadLetter.objects.all(), "\udc80" * 300, reason="no\0 more\udc80")

        assert outcome.done == 1
        action = DeadLetterAction.objects.get(action="discarded")
        assert (action.actor, action.detail) == (("\\udc80" * 300)[:200], "no\\u0000 more\\udc80")

    def test_a_foreign_end_is_taken_away_whatever_it_says(self, stream: Stream) -> None:
        make(stream, "a")
        [(_, fields)] = stream._client.xrange(stream.key(0))
        stream._client.xadd(stream.key(0), {**fields, "id": "x\0"}, id="9-0")

        relay.sweep(stream, 0)

        assert stream.tail(0).position == 1
