"""Test the messages to the access system, a real HTTP server here, and how its answers are handled."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Barrier
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured
from standardwebhooks import WebhookVerificationError

from events.envelope import Envelope
from events.exceptions import PartlyHandled, RetryLater, UnknownEventVersion, Unprocessable
from events.processes.progress import last_progress
from tests.figures import Figures
from tests.network.gate import (
    SECRET,
    Call,
    Gate,
    Handler,
    canceled,
    cut,
    endless_body,
    endless_headers,
    opened_gate,
    silence,
    status,
)
from tests.receivers import receiver_at
from tests.ticket_events import envelope_of, ticket, ticket_id
from tests.waiting import PATIENCE_SECONDS
from tickets.access import AccessSystem
from tickets.access.receiver import ReceiverTarget
from tickets.events import TicketCorrected, TicketEvent, TicketIssued, TicketReinstated
from tickets.webhooks.answers import MessageRefused, ReceiverFails
from tickets.webhooks.signing import new_secret


@pytest.fixture
def gate() -> Iterator[Gate]:
    with opened_gate() as gate:
        yield gate


@pytest.fixture
def access(gate: Gate, settings: Any) -> Iterator[ReceiverTarget]:
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    with receiver_at(gate.url) as receiver:
        yield receiver


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickets.webhooks.target.WHOLE_SECONDS", 0.4)
    monkeypatch.setattr("tickets.webhooks.target.BODY_SECONDS", 0.2)


def failures_of(access: ReceiverTarget, *batch: Envelope) -> dict[Any, Exception]:
    with pytest.raises(PartlyHandled) as caught:
        access.handle(batch)
    return dict(caught.value.failures)


def failure_of(access: ReceiverTarget, event: Envelope) -> Exception:
    failures = failures_of(access, event)
    assert failures.keys() == {event.id}
    return failures[event.id]


def test_a_cancellations_message_has_both_ids_and_is_signed(access: ReceiverTarget, gate: Gate) -> None:
    event = canceled(1)

    access.handle([event])

    [call] = gate.calls
    assert call.path == "/cancellations"
    assert call.message == {
        "type": "ticket.canceled",
        "timestamp": event.time.isoformat(),
        "data": {
            "ticketId": str(ticket_id(1)),
            "newTicketId": str(ticket_id(100)),
            "version": 2,
            "eventId": str(event.id),
            "occurredAt": event.time.isoformat(),
        },
    }
    assert call.headers["webhook-id"] == str(event.id)
    assert call.is_signed_with(SECRET)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        call.is_signed_with(new_secret())


def test_a_repeated_message_has_the_same_id_and_a_new_signature(access: ReceiverTarget, gate: Gate) -> None:
    gate.answers.append(status(500))
    event = canceled(1)

    failure_of(access, event)
    access.handle([event])

    assert [call.headers["webhook-id"] for call in gate.calls] == [str(event.id)] * 2
    assert all(call.is_signed_with(SECRET) for call in gate.calls)


def test_what_was_told_before_is_told_again_once_the_group_was_set_back(access: ReceiverTarget, gate: Gate) -> None:
    first, second = canceled(1), canceled(2)
    gate.answers_for[ticket_id(2)] = status(500)
    failures_of(access, first, second)
    gate.answers_for.clear()

    access.open()
    access.handle([first, second])

    assert gate.tickets.count(ticket_id(1)) == 2


def test_each_secret_signs_the_message(gate: Gate, settings: Any) -> None:
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    old, new = secrets = [new_secret(), new_secret()]
    with receiver_at(gate.url, secrets=secrets) as receiver:
        receiver.handle([canceled(1)])

    [call] = gate.calls
    assert len(call.headers["webhook-signature"].split(" ")) == 2
    assert call.is_signed_with(old)
    assert call.is_signed_with(new)


def test_other_events_send_no_message(access: ReceiverTarget) -> None:
    cancellation = canceled(1)

    assert access.select([envelope_of(TicketIssued(ticket=ticket())), cancellation]) == [cancellation]


def test_a_correction_to_canceled_is_sent_as_a_cancellation(access: ReceiverTarget, gate: Gate) -> None:
    state = ticket(1, status="canceled", version=7)
    event = envelope_of(TicketCorrected(ticket=state, new_ticket_id=ticket_id(2)))

    access.handle(access.select([event]))

    [call] = gate.calls
    assert call.message["type"] == "ticket.canceled"
    assert call.message["data"]["eventId"] == str(event.id)
    assert (call.message["data"]["version"], call.message["data"]["newTicketId"]) == (7, str(ticket_id(2)))


@pytest.mark.parametrize("event", [TicketReinstated, TicketCorrected])
def test_a_ticket_that_is_valid_again_sends_a_message(
    access: ReceiverTarget, gate: Gate, event: type[TicketEvent]
) -> None:
    access.handle([envelope_of(event(ticket=ticket(1, version=7)))])

    [call] = gate.calls
    assert call.message["type"] == "ticket.reinstated"
    assert (call.message["data"]["ticketId"], call.message["data"]["version"]) == (str(ticket_id(1)), 7)
    assert "newTicketId" not in call.message["data"]


def test_several_tickets_are_sent_in_parallel_and_each_in_order(access: ReceiverTarget, gate: Gate) -> None:
    together = Barrier(8, timeout=PATIENCE_SECONDS)

    def wait_for_the_others(handler: Handler, call: Call) -> None:
        together.wait()
        status(204)(handler, call)

    gate.answers_for = {ticket_id(number): wait_for_the_others for number in range(16)}
    access.handle([canceled(number, version=version) for version in (2, 3, 4) for number in range(16)])

    versions = {
        number: [call.message["data"]["version"] for call in gate.calls if call.ticket == ticket_id(number)]
        for number in range(16)
    }
    assert versions == {number: [2, 3, 4] for number in range(16)}
    assert gate.most_in_flight == 8
    assert gate.connections == 8


def test_after_a_failure_only_the_tickets_later_events_wait(access: ReceiverTarget, gate: Gate) -> None:
    gate.answers_for = {ticket_id(1): status(422, b"no such ticket"), ticket_id(2): status(500)}
    batch = [canceled(number, version=version) for version in (2, 3) for number in range(4)]

    failures = failures_of(access, *batch)

    assert {type(error) for error in failures.values()} == {MessageRefused, ReceiverFails}
    assert failures.keys() == {batch[1].id, batch[2].id}
    assert sorted(gate.tickets) == sorted(ticket_id(number) for number in (0, 0, 1, 2, 3, 3))


def test_a_retry_does_not_send_accepted_messages_again(access: ReceiverTarget, gate: Gate) -> None:
    batch = [canceled(number) for number in range(3)]
    gate.answers_for = {ticket_id(0): status(500)}
    failures_of(access, *batch)
    gate.answers_for.clear()

    access.handle(batch)
    assert sorted(gate.tickets) == sorted(ticket_id(number) for number in (0, 0, 1, 2))

    access.handle(batch)  # As after `reset_group`.
    assert len(gate.calls) == 7


@pytest.mark.parametrize("code", [302, 307, 401, 403, 404, 405, 408, 425, 429, 500, 501, 502, 503, 504])
def test_a_temporary_failure_is_retried(access: ReceiverTarget, gate: Gate, code: int) -> None:
    gate.answers.append(status(code, Location="/elsewhere"))

    failure = failure_of(access, canceled(1))

    assert isinstance(failure, RetryLater)
    assert f"answered {code}" in str(failure)
    assert len(gate.calls) == 1


@pytest.mark.parametrize("code", [400, 409, 413, 415, 422])
def test_a_client_error_is_final_and_quoted(access: ReceiverTarget, gate: Gate, code: int) -> None:
    gate.answers.append(status(code, b"\x00no\nsuch gate" + b"x" * 1000))

    failure = failure_of(access, canceled(1))

    assert isinstance(failure, Unprocessable)
    assert str(failure) == f"127.0.0.1 answered {code}: '\\x00no\\nsuch gate{'x' * 187}'"


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("30", 30),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True), 30),
        ("999999999", 3600),
    ],
    ids=["seconds", "date", "years"],
)
def test_nothing_is_sent_while_the_receiver_asks_to_pause(
    access: ReceiverTarget, gate: Gate, code: int, retry_after: Any, seconds: float
) -> None:
    gate.answers.append(status(code, Retry_After=retry_after() if callable(retry_after) else retry_after))

    first, second = failure_of(access, canceled(1)), failure_of(access, canceled(2))

    assert isinstance(first, RetryLater)
    assert first.retry_after_seconds == pytest.approx(seconds, abs=20)
    assert isinstance(second, RetryLater)
    assert second.retry_after_seconds == pytest.approx(seconds, abs=20)
    assert f"answered {code}" in str(second)
    assert gate.tickets == [ticket_id(1)]


@pytest.mark.parametrize(
    "retry_after",
    [
        "",
        "soon",
        "-5",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 99 Foo",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2024 99999999999:00:00 GMT",
    ],
)
def test_a_malformed_retry_after_is_ignored(access: ReceiverTarget, gate: Gate, retry_after: str) -> None:
    gate.answers.append(status(429, Retry_After=retry_after))

    failure = failure_of(access, canceled(1))
    access.handle([canceled(2)])

    assert isinstance(failure, RetryLater)
    assert failure.retry_after_seconds == 0


def test_an_unreachable_server_is_retried_later_and_not_for_each_event(access: ReceiverTarget, gate: Gate) -> None:
    gate.shutdown()
    gate.server_close()
    batch = [canceled(number) for number in range(100)]

    failures = failures_of(access, *batch)

    assert failures.keys() == {event.id for event in batch}
    tried = [error for error in failures.values() if isinstance(error, ReceiverFails)]
    assert 5 <= len(tried) <= 13
    assert all(isinstance(error, RetryLater) for error in failures.values())


def test_messages_are_counted_by_what_became_of_them(access: ReceiverTarget, gate: Gate) -> None:
    figures = Figures()
    access.handle([canceled(1)])
    gate.answer = status(400)
    failure_of(access, canceled(2))
    gate.answer = status(503)
    for number in range(3, 9):
        failure_of(access, canceled(number))

    expected = {f"tickets_webhooks_total {result}": 1 for result in ("accepted", "refused")}
    assert figures.of(*expected) == expected
    later = figures.of("tickets_webhooks_total failed", "tickets_webhooks_total held")
    assert (sum(later.values()), later["tickets_webhooks_total held"] > 0) == (6, True)
    assert figures.of("tickets_webhook_seconds_count")["tickets_webhook_seconds_count"] == len(gate.calls)


def test_each_message_is_progress(access: ReceiverTarget, gate: Gate) -> None:
    seen: list[float] = []

    def note(handler: Handler, call: Call) -> None:
        seen.append(last_progress())
        status(204)(handler, call)

    gate.answers.extend([note, note, note])
    access.handle([canceled(1, version=version) for version in (2, 3, 4)])

    assert len(set(seen)) == 3
    assert last_progress() > max(seen)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("answer", [silence, endless_headers, cut], ids=["silence", "endless headers", "cut"])
def test_a_missing_answer_is_awaited_for_a_limited_time(gate: Gate, access: ReceiverTarget, answer: Any) -> None:
    gate.answers_for = {ticket_id(1): answer}
    begun = time.monotonic()

    failures = failures_of(access, canceled(1), canceled(2))

    assert len(failures) == 1
    assert all(isinstance(error, RetryLater) for error in failures.values())
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("body_seconds", "part", "pause_seconds"), [(30, b"no " * 1000, 0), (0.8, b"no " * 10, 0.05)], ids=["large", "slow"]
)
def test_an_endless_body_does_not_change_the_outcome(
    gate: Gate,
    access: ReceiverTarget,
    monkeypatch: pytest.MonkeyPatch,
    body_seconds: float,
    part: bytes,
    pause_seconds: float,
) -> None:
    monkeypatch.setattr("tickets.webhooks.target.WHOLE_SECONDS", 0.5)  # For the status only.
    monkeypatch.setattr("tickets.webhooks.target.BODY_SECONDS", body_seconds)
    gate.answers.append(endless_body(200, part, pause_seconds=pause_seconds))
    access.handle([canceled(1)])
    gate.answers.append(endless_body(422, part, pause_seconds=pause_seconds))
    begun = time.monotonic()

    failure = failure_of(access, canceled(2))

    assert isinstance(failure, Unprocessable)
    assert "answered 422: 'no no no " in str(failure)
    assert len(str(failure)) < 300
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("data", [{}, {"newTicketId": None}], ids=["no field", "null"])
def test_a_cancellation_without_a_replacement_names_none(
    access: ReceiverTarget, gate: Gate, data: dict[str, Any]
) -> None:
    event = canceled(1)
    written = {"ticket": json.loads(event.data)["ticket"], **data}

    access.handle([msgspec.structs.replace(event, data=json.dumps(written))])

    [call] = gate.calls
    assert (call.message["type"], call.message["data"]["newTicketId"]) == ("ticket.canceled", None)


def test_an_event_of_a_newer_release_holds_back_the_whole_batch(access: ReceiverTarget, gate: Gate) -> None:
    newer = msgspec.structs.replace(canceled(2), schema_version=99)

    with pytest.raises(UnknownEventVersion):
        access.handle([canceled(1), newer])

    assert gate.calls == []


def test_a_password_of_the_url_is_sent_and_never_shown(
    gate: Gate, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
    gate.answers.extend([status(500), status(404), cut])
    with receiver_at(gate.url.replace("http://", "http://ada:pass-word@") + "?token=to-ken") as receiver:
        failures = [failure_of(receiver, canceled(number)) for number in range(3)]

    assert gate.calls[0].headers["authorization"].startswith("Basic ")
    said = caplog.text + repr(failures) + "".join(map(str, failures))
    assert "pass-word" not in said
    assert "to-ken" not in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url", ["gate.example", "ftp://gate.example/", "http://", "http://gate.example:port/", "http://ada:pass-word@/"]
)
def test_an_invalid_address_is_refused_at_the_start(settings: Any, url: str) -> None:
    settings.ACCESS_SYSTEM_URL = url
    settings.ACCESS_SYSTEM_SECRETS = [SECRET]

    with (
        pytest.raises(ImproperlyConfigured, match="ACCESS_SYSTEM_URL is not a valid address") as refusal,
        closing(AccessSystem()) as system,
    ):
        system.open()
    assert "pass-word" not in str(refusal.value)


def test_a_missing_secret_is_refused_at_the_start_with_a_command_to_make_one(settings: Any) -> None:
    settings.ACCESS_SYSTEM_URL = "https://gate.example/"
    settings.ACCESS_SYSTEM_SECRETS = []

    with pytest.raises(ImproperlyConfigured, match="ACCESS_SYSTEM_SECRETS is empty; create a secret: python3 -c"):
        AccessSystem().open()
