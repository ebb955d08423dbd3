"""Test several receivers of webhooks: each has its own place, pauses and letters, and none delays another."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from events.consumer.consumer import Consumer
from events.exceptions import RetryLater
from events.groups import checkpoint
from events.groups.ownership import Ownership
from events.models import Checkpoint, DeadLetter
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay.flush import sweep
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.network.gate import SECRET, Call, Gate, Handler, opened_gate, status
from tests.tickets import issue
from tests.waiting import PATIENCE_SECONDS
from tickets.access import AccessSystem, control, rows
from tickets.access.messages import Message
from tickets.access.receiver import Note, ReceiverTarget
from tickets.models import Delivery, Receiver, Ticket
from tickets.webhooks.attempts import Attempt, Outcome

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

NAMES = ("north", "south", "east")


@pytest.fixture
def gates(settings: Any) -> Iterator[dict[str, Gate]]:
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    settings.ACCESS_SYSTEM_URL = ""
    with ExitStack() as opened:
        yield {name: opened.enter_context(opened_gate()) for name in NAMES}


@pytest.fixture
def receivers(gates: dict[str, Gate]) -> dict[str, Receiver]:
    return {name: control.add(name, gate.url, ["ticket.canceled"]).receiver for name, gate in gates.items()}


def cancel(count: int = 1) -> list[Ticket]:
    tickets = [issue() for _ in range(count)]
    Ticket.cancel_many(tickets)
    return tickets


def tell() -> None:
    run_until_idle("access")


def lags(*receivers: Receiver) -> list[int]:
    found = control.lags(receivers)
    return [found[receiver.pk] for receiver in receivers]


def state_of(receiver: Receiver) -> Receiver:
    return Receiver.objects.get(pk=receiver.pk)


def test_each_receiver_is_told_and_has_its_own_secret_and_place(
    gates: dict[str, Gate], receivers: dict[str, Receiver]
) -> None:
    tickets = cancel(3)

    tell()

    assert {name: sorted(gate.tickets) for name, gate in gates.items()} == dict.fromkeys(
        NAMES, sorted(ticket.id for ticket in tickets)
    )
    for name, receiver in receivers.items():
        [secret] = receiver.secrets
        assert all(call.is_signed_with(secret) for call in gates[name].calls)
    targets = set(Checkpoint.objects.filter(group="access").values_list("target", flat=True))
    assert targets == {"stream", *(receiver.target for receiver in receivers.values())}
    assert lags(*receivers.values()) == [0, 0, 0]


def test_a_receiver_that_hangs_delays_no_other(
    gates: dict[str, Gate], receivers: dict[str, Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.webhooks.target.WHOLE_SECONDS", 2 * PATIENCE_SECONDS)
    others_are_told = Event()
    told: list[Call] = []

    def hang(handler: Handler, call: Call) -> None:
        assert others_are_told.wait(PATIENCE_SECONDS)
        status(204)(handler, call)

    def count(handler: Handler, call: Call) -> None:
        status(204)(handler, call)
        told.append(call)
        if len(told) == 2 * 5:
            others_are_told.set()

    gates["north"].answer = hang
    gates["south"].answer = gates["east"].answer = count
    cancel(5)

    tell()

    assert len(told) == 10
    assert len(gates["north"].calls) == 5
    assert lags(*receivers.values()) == [0, 0, 0]


def test_a_receiver_that_fails_keeps_its_own_place_only(gates: dict[str, Gate], receivers: dict[str, Receiver]) -> None:
    gates["north"].answer = status(503)
    cancel(2)

    with pytest.raises(RetryLater):
        tell()

    north = state_of(receivers["north"])
    assert lags(north)[0] > 0
    assert north.failing_since is not None
    assert "answered 503" in north.error
    gates["north"].answer = status(204)
    tell()
    assert lags(*receivers.values()) == [0, 0, 0]
    assert (state_of(north).failing_since, state_of(north).error) == (None, "")


def test_a_refused_message_is_parked_for_one_receiver(gates: dict[str, Gate], receivers: dict[str, Receiver]) -> None:
    [ticket] = cancel()
    gates["south"].answers_for = {ticket.id: status(422)}

    tell()

    letters = DeadLetter.objects.values_list("target", "subject", "state")
    assert list(letters) == [(receivers["south"].target, str(ticket.id), "parked")]
    assert [len(gate.calls) for gate in gates.values()] == [1, 1, 1]


def test_a_receiver_that_answers_410_is_turned_off_and_goes_on_where_it_was(
    gates: dict[str, Gate], receivers: dict[str, Receiver]
) -> None:
    gates["east"].answer = status(410)
    first = cancel()
    with suppress(RetryLater):  # It is raised if the failure is settled before the row is written.
        tell()
    east = state_of(receivers["east"])
    assert (east.is_on, east.why_off) == (False, "gone")
    assert not DeadLetter.objects.exists()
    [fault] = rows.faults()
    assert "it answered 410" in fault[0]

    second = cancel()
    tell()
    assert len(gates["east"].calls) == 1

    gates["east"].answer = status(204)
    control.enable(east)
    tell()
    assert sorted(gates["east"].tickets[1:]) == sorted(ticket.id for ticket in (*first, *second))


def test_a_pause_that_a_receiver_asks_for_is_obeyed_by_the_next_process(
    gates: dict[str, Gate], receivers: dict[str, Receiver]
) -> None:
    gates["north"].answers.append(status(429, Retry_After="3000"))
    cancel()

    for _ in range(2):
        with pytest.raises(RetryLater):
            tell()

    assert len(gates["north"].calls) == 1
    next_attempt_at = state_of(receivers["north"]).next_attempt_at
    assert next_attempt_at is not None
    assert 2900 < (next_attempt_at - timezone.now()).total_seconds() <= 3001


def test_a_pause_does_not_grow_while_it_lasts(receivers: dict[str, Receiver]) -> None:
    subscriber = AccessSystem()
    subscriber.open()
    [north] = [found for found in subscriber.further_targets() if found.open() == receivers["north"].target]
    assert isinstance(north, ReceiverTarget)
    failed = Attempt("", 1, Outcome.AGAIN, 429, 0.1, "")
    north.notes.append(Note(timezone.now(), uuid4(), Message("ticket.canceled", uuid4(), b""), failed))
    north.rest(3000)

    ends = []
    for _ in range(3):
        subscriber.check([0])
        ends.append(state_of(receivers["north"]).next_attempt_at)

    assert ends[0] is not None
    assert ends == ends[:1] * 3


def test_a_new_receiver_is_told_of_what_happens_from_now_on_or_of_all(gates: dict[str, Gate]) -> None:
    before = cancel()
    tell()
    control.add("north", gates["north"].url, ["ticket.canceled"])
    control.add("south", gates["south"].url, ["ticket.canceled"], from_start=True)
    after = cancel()

    tell()

    assert gates["north"].tickets == [ticket.id for ticket in after]
    assert sorted(gates["south"].tickets) == sorted(ticket.id for ticket in (*before, *after))


def test_each_receiver_gets_the_messages_that_it_wants(gates: dict[str, Gate]) -> None:
    control.add("north", gates["north"].url, ["ticket.issued"])
    control.add("south", gates["south"].url, ["ticket.canceled", "ticket.issued"])
    cancel()

    tell()

    assert {call.message["type"] for call in gates["north"].calls} == {"ticket.issued"}
    assert {call.message["type"] for call in gates["south"].calls} == {"ticket.issued", "ticket.canceled"}
    assert "newTicketId" not in gates["north"].calls[0].message["data"]


def consume_while(stream: Stream, change: Any) -> None:
    """Run a consumer; once it is idle, make the change, and go on until everything is told."""

    class Changing(AccessSystem):
        has_changed = False

        def check(self, partitions: Any) -> None:
            super().check(partitions)
            if not self.has_changed and not any(control.lags(Receiver.objects.all()).values()):
                self.has_changed = True
                change()

    subscriber = Changing()
    limits = Limits(block_seconds=0.01)
    consumer = Consumer(subscriber, stream, Ownership("access", "one"), shutdown=Shutdown(), limits=limits)
    consumer.run(until_idle=True)
    assert subscriber.has_changed


def test_a_running_process_follows_the_rows_and_the_others_go_on(
    gates: dict[str, Gate], receivers: dict[str, Receiver], stream: Stream
) -> None:
    def change() -> None:
        control.disable(receivers["north"])
        Receiver.objects.filter(name="south").update(url=gates["south"].url.replace("cancellations", "moved"))
        cancel()
        sweep(stream, 0)

    cancel()
    tell()
    consume_while(stream, change)
    tell()

    assert [call.path for call in gates["south"].calls] == ["/cancellations", "/moved"]
    assert [len(gates[name].calls) for name in NAMES] == [1, 2, 2]


def test_the_receiver_of_the_settings_goes_on_at_the_place_of_earlier_releases(
    gates: dict[str, Gate], settings: Any
) -> None:
    cancel()
    tell()
    end = checkpoint.positions("access", "stream")[0]
    checkpoint.begin("access", "", {0: end})
    settings.ACCESS_SYSTEM_URL, settings.ACCESS_SYSTEM_SECRETS = gates["north"].url, [SECRET]
    [ticket] = cancel()

    tell()
    assert gates["north"].tickets == [ticket.id]
    assert gates["north"].calls[0].is_signed_with(SECRET)
    [row] = Receiver.objects.all()
    assert (row.name, row.from_settings, row.sealed_secret) == ("access system", True, "")
    assert row.url == gates["north"].url.removesuffix("/cancellations")

    settings.ACCESS_SYSTEM_URL = ""
    tell()
    row.refresh_from_db()
    assert (row.is_on, row.why_off) == (False, "settings")

    settings.ACCESS_SYSTEM_URL = gates["south"].url
    tell()
    row.refresh_from_db()
    assert (row.is_on, row.origin) == (True, gates["south"].url.removesuffix("/cancellations"))
    with pytest.raises(ValidationError):
        control.rotate(row)


def test_both_secrets_sign_for_a_while_and_neither_is_readable_in_the_database(
    gates: dict[str, Gate], receivers: dict[str, Receiver], settings: Any
) -> None:
    north = receivers["north"]
    [former] = north.secrets
    secret = control.rotate(north, hours=1)
    cancel()
    tell()
    assert [gates["north"].calls[0].is_signed_with(key) for key in (former, secret)] == [True, True]

    Receiver.objects.update(old_secret_until=timezone.now())
    assert state_of(north).secrets == [secret]
    row = str(Receiver.objects.filter(pk=north.pk).values().get())
    assert former not in row
    assert secret not in row

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]
    assert state_of(north).secrets == [secret]
    settings.SECRET_KEY_FALLBACKS = []
    cancel()
    with pytest.raises(RetryLater, match="can't be read"):
        tell()
    assert "run manage.py webhooks rotate" in next(rows.faults())[1]


def test_a_receiver_that_is_off_gives_up_its_place_after_a_week(receivers: dict[str, Receiver]) -> None:
    north = receivers["north"]
    control.disable(north)
    rows.release_long_off()
    assert checkpoint.positions("access", north.target)

    Receiver.objects.update(off_since=timezone.now() - timedelta(days=7, seconds=1))
    rows.release_long_off()
    assert checkpoint.positions("access", north.target) == {}

    cancel()
    control.enable(north)
    assert lags(north) == [0]


def test_deliveries_say_what_was_sent_and_only_the_last_ones_are_kept(
    gates: dict[str, Gate], receivers: dict[str, Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    gates["north"].answers.append(status(500, b"Ada"))
    [ticket] = cancel()
    with pytest.raises(RetryLater):
        tell()
    tell()

    names = ("outcome", "status", "ticket_id", "type")
    sent = Delivery.objects.filter(receiver=receivers["north"]).order_by("id").values_list(*names)
    assert list(sent) == [("again", 500, ticket.id, "ticket.canceled"), ("taken", 204, ticket.id, "ticket.canceled")]
    assert "north: taken, status 204, attempt 1" in rows.effect_of(Delivery.objects.first().event_id)  # type: ignore[union-attr,arg-type]

    monkeypatch.setattr("tickets.access.keeper.KEPT_DELIVERIES", 2)
    monkeypatch.setattr("tickets.access.keeper.PRUNED_AFTER", 1)
    cancel(3)
    tell()
    assert Delivery.objects.filter(receiver=receivers["north"]).count() == 2


def test_replaying_sends_one_receiver_its_messages_again(
    gates: dict[str, Gate], receivers: dict[str, Receiver]
) -> None:
    cancel(2)
    tell()

    control.replay(receivers["south"], 0)
    tell()

    assert [len(gates[name].calls) for name in NAMES] == [2, 4, 2]
    sent = [call.headers["webhook-id"] for call in gates["south"].calls]
    assert sorted(sent[:2]) == sorted(sent[2:])


def test_replaying_skips_nothing_that_was_not_sent_yet(gates: dict[str, Gate], receivers: dict[str, Receiver]) -> None:
    gates["north"].answer = status(503)
    [ticket] = cancel()
    with pytest.raises(RetryLater):
        tell()

    assert control.replay(receivers["north"], timezone.now() + timedelta(days=1)) == 0

    gates["north"].answer = status(204)
    tell()
    assert gates["north"].tickets == [ticket.id, ticket.id]


def test_a_name_that_another_operator_has_just_taken_is_refused(
    receivers: dict[str, Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    north = receivers["north"]
    monkeypatch.setattr(control, "checked_name", str)

    with pytest.raises(ValidationError, match="There is a receiver of this name"):
        control.add(north.name, north.url, ["ticket.canceled"])


def test_a_removed_receiver_leaves_nothing(gates: dict[str, Gate], receivers: dict[str, Receiver]) -> None:
    gates["east"].answer = status(422)
    cancel()
    tell()
    target = receivers["east"].target

    control.remove(receivers["east"])
    cancel()
    tell()

    assert checkpoint.positions("access", target) == {}
    assert DeadLetter.objects.get(target=target).state == "discarded"
    assert not Delivery.objects.filter(receiver=receivers["east"].pk or 0).exists()
    assert len(gates["east"].calls) == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("gate.example", "is not a valid address"),
        ("http://127.0.0.1/", "which is not a public address"),
        ("https://ada:pass-word@gate.example/", "The URL has a password"),
        (f"https://gate.example/{'x' * 2000}", "more than 2000 characters"),
        ("https://gate.example:99999/", "is not a valid address"),
        ("https://gate.example:-1/", "is not a valid address"),
        ("https://gate.example:0/", "is not a valid address"),
        ("https://gate example/", "is not a valid address"),
        ("https://gate]/", "is not a valid address"),
        ("https://xn--/", "is not a valid address"),
        ("https://gate.example/\ud800", "is not a valid address"),
    ],
)
def test_a_bad_address_is_refused_when_it_is_saved(settings: Any, url: str, message: str) -> None:
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = False

    with pytest.raises(ValidationError, match=message) as refusal:
        control.add("north", url, ["ticket.canceled"])

    assert "pass-word" not in str(refusal.value)
    assert not Receiver.objects.exists()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://gate.example:8443/token?key=1", "https://gate.example:8443"),
        ("https://[2606:4700::1111]:8443/token", "https://[2606:4700::1111]:8443"),
        ("https://tür.example/token", "https://tür.example"),
    ],
)
def test_the_shown_address_leaves_out_what_may_have_a_token(url: str, origin: str) -> None:
    assert control.add("north", url, ["ticket.canceled"]).receiver.origin == origin
