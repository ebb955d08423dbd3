"""Test simultaneous changes of the same tickets, on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import include, path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from config.web.requests.documented import load_documented_operations
from events import unit_of_work
from tests.locks import somebody_waits_for_a_lock
from tests.tickets import FIELDS, issue, recorded
from tests.waiting import PATIENCE_SECONDS, wait_until
from tickets.exceptions import ConcurrentChange, NonceReused
from tickets.gate.admission import admit
from tickets.models import Passage, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class BothView(APIView):
    """Cancel two tickets in one request; the second after both requests have locked their first ticket."""

    permission_classes = [AllowAny]
    meeting: Barrier

    def post(self, request: Request) -> Response:
        Ticket.objects.get(code=request.data["first"]).cancel()
        self.meeting.wait(PATIENCE_SECONDS)
        Ticket.objects.get(code=request.data["second"]).cancel()
        return Response()


urlpatterns = [path("api/both/", BothView.as_view()), path("api/", include("tickets.api.urls"))]


@pytest.fixture(autouse=True)
def _documented() -> None:
    """Make the OpenAPI document before the threads, as a web process does at its start."""
    load_documented_operations()


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Run each task in a thread with its own connection; return what they returned or raised."""

    def run(task: Callable[[], Any]) -> Any:
        try:
            return task()
        except ConcurrentChange as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))


def test_the_second_of_two_who_choose_the_same_code_at_the_same_moment_is_told_so() -> None:
    is_written, may_commit = Event(), Event()

    def first() -> None:
        with unit_of_work():
            issue(code="VIP-1")
            is_written.set()
            may_commit.wait(PATIENCE_SECONDS)

    def second() -> list[str]:
        is_written.wait(PATIENCE_SECONDS)
        with pytest.raises(ValidationError) as refused:
            issue(code="vip1")
        return refused.value.messages

    with ThreadPoolExecutor() as threads:
        outcomes = threads.submit(at_once, first, second)
        wait_until(somebody_waits_for_a_lock)
        may_commit.set()

    assert outcomes.result() == [None, ["A ticket with the code VIP-1 already exists."]]
    assert [type(event).__name__ for event in recorded()] == ["TicketIssued"]


def test_one_of_two_simultaneous_changes_wins_and_the_other_is_refused() -> None:
    ticket = issue()
    meeting = Barrier(2)

    def cancel() -> str:
        mine = Ticket.objects.get(id=ticket.id)
        meeting.wait(PATIENCE_SECONDS)
        return mine.cancel().code

    def check_in() -> str:
        mine = Ticket.objects.get(id=ticket.id)
        meeting.wait(PATIENCE_SECONDS)
        mine.check_in()
        return "checked in"

    for other in (cancel, check_in):
        ticket = issue()
        outcomes = at_once(cancel, other)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConcurrentChange", "str"]
        assert Ticket.objects.get(id=ticket.id).version == 2


def test_the_refused_change_leaves_no_rows_and_no_events() -> None:
    ticket = issue()
    both = [Ticket.objects.get() for _ in range(2)]

    outcomes = at_once(*(mine.cancel for mine in both))

    [replacement] = [outcome for outcome in outcomes if isinstance(outcome, Ticket)]
    assert {stored.code for stored in Ticket.objects.all()} == {ticket.code, replacement.code}
    assert [type(event).__name__ for event in recorded()] == ["TicketIssued", "TicketCanceled", "TicketIssued"]
    assert sorted((mine.status, mine.version) for mine in both) == [("canceled", 2), ("issued", 1)]


def test_many_requests_for_one_ticket_cancel_it_once() -> None:
    ticket = issue()
    root = User.objects.create_superuser("root")

    def cancel() -> int:
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(root)
        return client.post(f"/api/tickets/{ticket.id}/cancel/").status_code

    assert sorted(at_once(*[cancel] * 6)) == [200, 409, 409, 409, 409, 409]
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize(("expected", "statuses"), [('"1"', [200, 412, 412, 412]), ("*", [200, 200, 200, 200])])
def test_corrections_at_once_are_answered_as_if_one_came_after_the_other(expected: str, statuses: list[int]) -> None:
    ticket = issue()
    root = User.objects.create_superuser("root")

    def correct(seat: str) -> int:
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(root)
        body, headers = {"seat": seat}, {"If-Match": expected}
        return client.patch(f"/api/tickets/{ticket.id}/", body, format="json", headers=headers).status_code

    assert sorted(at_once(*(partial(correct, seat) for seat in "ABCD"))) == statuses
    assert Ticket.objects.get(id=ticket.id).version == 1 + statuses.count(200)


def test_a_deadlock_between_two_requests_ends_in_one_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BothView, "meeting", Barrier(2), raising=False)
    Ticket.issue_many([{**FIELDS, "code": "A"}, {**FIELDS, "code": "B"}])

    def cancel(first: str, second: str) -> Any:
        client = APIClient(raise_request_exception=False)
        return client.post("/api/both/", {"first": first, "second": second}, format="json")

    responses = sorted(at_once(lambda: cancel("A", "B"), lambda: cancel("B", "A")), key=lambda each: each.status_code)

    assert [response.status_code for response in responses] == [200, 409]
    assert responses[1].json()["type"] == "urn:problem:concurrent-change"
    assert Ticket.objects.filter(status="canceled").count() == 2
    assert len(recorded()) == 6


def test_two_bulk_changes_of_the_same_tickets_do_not_deadlock() -> None:
    tickets = Ticket.issue_many([FIELDS] * 200)
    backwards = list(reversed([Ticket.objects.get(id=ticket.id) for ticket in tickets]))

    outcomes = at_once(lambda: Ticket.cancel_many(tickets), lambda: Ticket.cancel_many(backwards))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConcurrentChange", "list"]
    assert Ticket.objects.count() == 400


def test_an_import_that_loses_a_race_writes_nothing_and_reports_it(tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    values = {"code": "SAME", **FIELDS, "status": "issued"}
    file.write_text(f"{','.join(values)}\n{','.join(f'"{value}"' for value in values.values())}\n")

    with ThreadPoolExecutor(1) as threads:
        with unit_of_work():
            issue(code="SAME")
            importing = threads.submit(at_once, lambda: call_command("import_tickets", str(file)))
            wait_until(somebody_waits_for_a_lock)

        with pytest.raises(
            CommandError, match="Somebody else issued a ticket of this file at the same time; run the import again."
        ):
            importing.result()

    assert [ticket.code for ticket in Ticket.objects.all()] == ["SAME"]
    assert len(recorded()) == 1


@pytest.mark.parametrize(
    ("nonces", "expected"),
    [(["a", "a", "a"], [200, 200, 200]), (["a", "b", "c"], [200, 409, 409])],
    ids=["one device repeats itself", "several devices"],
)
def test_a_ticket_is_checked_in_once_however_many_report_it(nonces: list[str], expected: list[int]) -> None:
    ticket = issue()
    meeting = Barrier(len(nonces))

    def report(nonce: str) -> Any:
        client = APIClient()
        client.force_authenticate(User.objects.get())
        meeting.wait(PATIENCE_SECONDS)
        return client.post("/api/check-ins/", {"code": ticket.code, "device": "Door", "nonce": nonce}, format="json")

    User.objects.create_superuser("usher")
    answers = at_once(*(partial(report, nonce) for nonce in nonces))

    assert sorted(answer.status_code for answer in answers) == expected
    assert len({answer.content for answer in answers}) == len(set(expected))
    assert [type(event).__name__ for event in recorded()] == ["TicketIssued", "TicketCheckedIn"]


def test_a_nonce_is_taken_by_one_of_two_tickets() -> None:
    tickets = issue(), issue()
    meeting = Barrier(2)

    def report(ticket: Ticket) -> str:
        meeting.wait(PATIENCE_SECONDS)
        try:
            admit(ticket.id, Passage(device="Door", nonce="a"))
        except NonceReused:
            return "refused"
        return "taken"

    assert sorted(at_once(*(partial(report, ticket) for ticket in tickets))) == ["refused", "taken"]
    assert sorted(Ticket.objects.values_list("status", flat=True)) == ["checked_in", "issued"]
