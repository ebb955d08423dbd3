"""Test jobs without a server: what the worker does, and what the REST interface says about it."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from rest_framework.test import APIClient

from config.web.limits.request_body import limit_of
from events.models import LogEntry
from tests.rest import LIST, client_with, client_with_all
from tests.tickets import FIELDS, issue
from tickets.jobs import actions, ticket_turn, turn
from tickets.jobs.running import run
from tickets.jobs.starting import MOST_TICKETS, TooManyTickets, begin, hand_on
from tickets.jobs.worker import JobWorker, adopt_abandoned, delete_old
from tickets.models import Job, JobItem, JobState, Passage, Ticket

pytestmark = pytest.mark.django_db(transaction=True)  # The worker closes its session, even within a transaction.
BULK, JOBS = f"{LIST}bulk/", "/api/jobs/"
NOBODY = "0190a7c4-0000-7000-8000-000000000000"


@pytest.fixture
def client() -> APIClient:
    """A client with the token of a user who has all permissions for tickets."""
    return client_with_all()


def issued(count: int) -> list[Ticket]:
    return Ticket.issue_many([FIELDS] * count)


def ids_of(tickets: list[Ticket]) -> list[str]:
    return [str(ticket.id) for ticket in tickets]


def run_all() -> None:
    call_command("run_jobs", once=True)


def statuses(tickets: list[Ticket]) -> list[str]:
    found = Ticket.objects.in_bulk([ticket.id for ticket in tickets])
    return [found[ticket.id].status for ticket in tickets]


def make_quiet() -> None:
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))


class TestRest:
    def test_a_job_is_answered_at_once_and_followed_to_its_end(self, client: APIClient) -> None:
        tickets = issued(3)
        tickets[1].cancel()

        asked = client.post(
            BULK,
            {"action": "cancel", "ids": [*ids_of(tickets), NOBODY, str(tickets[0].id)], "reason": "Rain"},
            format="json",
            headers={"X-Request-ID": "of-the-test"},
        )
        run_all()

        assert (asked.status_code, asked.json()["state"], asked.json()["total"]) == (202, "waiting", 4)
        job = client.get(asked.headers["Location"]).json()
        assert {**job, "finished_at": "", "asked_at": ""} == {
            "id": asked.json()["id"],
            "action": "cancel",
            "state": "finished",
            "reason": "Rain",
            "replace": True,
            "total": 4,
            "done": 2,
            "refused": 2,
            "asked_at": "",
            "finished_at": "",
        }
        refusals = client.get(f"{JOBS}{job['id']}/refusals/").json()["results"]
        alone = client.post(f"{LIST}{tickets[1].id}/cancel/").json()
        assert refusals[0] == {"ticket": str(tickets[1].id), **alone}
        assert {name: refusals[1][name] for name in ("ticket", "type", "status")} == {
            "ticket": NOBODY,
            "type": "about:blank",
            "status": 404,
        }
        events = LogEntry.objects.filter(correlation_id="of-the-test")
        assert events.filter(type="ticket.canceled").count() == 2
        assert {event.actor for event in events} == {Job.objects.get().asked_by.get_username()}  # type: ignore[union-attr]

    def test_all_tickets_that_a_filter_finds_are_checked_in(self, client: APIClient) -> None:
        here, elsewhere = issued(2), issue(venue="Elsewhere")

        client.post(BULK, {"action": "check_in", "filter": {"venue": FIELDS["venue"]}}, format="json")
        run_all()

        assert statuses([*here, elsewhere]) == ["checked_in", "checked_in", "issued"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"ids": None}, "ids"),
            ({"ids": []}, "ids"),
            ({"ids": [1]}, "ids"),
            ({"ids": [NOBODY, "x"]}, "ids"),
            ({"filter": {"venue": "x"}}, "ids"),
            ({"ids": ..., "filter": {}}, "filter"),
            ({"ids": ..., "filter": {"statsu": "issued"}}, "filter.statsu"),
            ({"ids": ..., "filter": {"starts_from": 5}}, "filter.starts_from"),
            ({"ids": ..., "filter": "all"}, "filter"),
            ({"ids": ..., "filter": {"venue": 5}}, "filter.venue"),
            ({"replace": "no"}, "replace"),
            ({"reason": "a\u202eb"}, "reason"),
            ({"action": "delete"}, "action"),
            ({"action": "check_in", "reason": "x"}, "reason"),
            ({"replac": False}, "replac"),
        ],
    )
    def test_a_wrong_body_is_refused_by_the_name_of_its_field(
        self, client: APIClient, change: dict[str, Any], field: str
    ) -> None:
        body = {"action": "cancel", "ids": [NOBODY], **change}

        answer = client.post(BULK, {name: value for name, value in body.items() if value is not ...}, format="json")

        assert (answer.status_code, [*answer.json()["errors"]]) == (400, [field])
        assert Job.objects.count() == JobItem.objects.count() == DBTaskResult.objects.count() == 0

    def test_a_body_has_room_for_100_000_ids(self) -> None:
        scope = {"path": BULK, "query_string": b"", "headers": []}

        assert limit_of(scope).bytes > len(json.dumps({"action": "cancel", "ids": [NOBODY] * MOST_TICKETS}))
        assert limit_of({**scope, "path": LIST}).bytes == settings.WEB_BODY_BYTES

    def test_each_action_needs_its_own_permission_and_a_filter_the_one_to_see_tickets(self) -> None:
        body = {"action": "check_in", "ids": [NOBODY]}

        assert client_with("cancel_ticket", "view_ticket").post(BULK, body, format="json").status_code == 403
        gate = client_with("check_in_ticket")
        started = gate.post(BULK, body, format="json")
        assert started.status_code == 202
        assert gate.post(f"{started.headers['Location']}cancel/").status_code == 202
        assert gate.post(f"{JOBS}{NOBODY}/cancel/").status_code == gate.post(f"{JOBS}no-id/cancel/").status_code == 404
        by_filter = {"action": "check_in", "filter": {"holder_email": "ada@example.org"}}
        assert gate.post(BULK, by_filter, format="json").status_code == 403
        assert gate.get(JOBS).status_code == 403

    def test_a_repeated_request_starts_one_job(self, client: APIClient) -> None:
        body = {"action": "cancel", "ids": [NOBODY]}
        first, again = (client.post(BULK, body, format="json", headers={"Idempotency-Key": "1"}) for _ in range(2))

        assert first.json() == again.json()
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
        assert Job.objects.count() == 1

    def test_jobs_and_refusals_are_paged_and_others_do_not_see_them(self, client: APIClient) -> None:
        for number in range(3):
            client.post(BULK, {"action": "cancel", "ids": [str(uuid4()) for _ in range(number + 1)]}, format="json")
        run_all()

        pages = [client.get(JOBS, {"limit": 2}).json()]
        pages.append(client.get(pages[0]["next"]).json())
        refusals = client.get(f"{JOBS}{pages[0]['results'][0]['id']}/refusals/", {"limit": 2}).json()

        assert [job["refused"] for page in pages for job in page["results"]] == [3, 2, 1]
        assert [len(refusals["results"]), len(client.get(refusals["next"]).json()["results"])] == [2, 1]
        other = client_with_all()
        assert other.get(JOBS).json()["results"] == []
        assert other.get(f"{JOBS}{pages[0]['results'][0]['id']}/refusals/").status_code == 404

    def test_a_stopped_job_changes_no_further_ticket(self, client: APIClient) -> None:
        tickets = issued(2)
        job = client.post(BULK, {"action": "cancel", "ids": ids_of(tickets)}, format="json").json()

        stopped = client.post(f"{JOBS}{job['id']}/cancel/")
        run_all()

        assert (stopped.status_code, stopped.json()["state"]) == (202, "stopped")
        assert statuses(tickets) == ["issued", "issued"]
        assert client.get(f"{JOBS}{job['id']}/").json()["done"] == 0


def started(tickets: list[Ticket], **changes: Any) -> Job:
    user = User.objects.create_user(f"asker-{uuid4()}")
    user.user_permissions.set(Permission.objects.filter(codename="cancel_ticket"))
    return begin(Job(kind="cancel", asked_by=user, **changes), [ticket.id for ticket in tickets])


def test_a_refused_check_in_says_when_and_where_the_ticket_was_used(client: APIClient) -> None:
    ticket = issue()
    ticket.check_in(Passage(device="Door 3"))
    job = client.post(BULK, {"action": "check_in", "ids": [str(ticket.id)]}, format="json").json()

    run_all()

    [refusal] = client.get(f"{JOBS}{job['id']}/refusals/").json()["results"]
    assert refusal == {"ticket": str(ticket.id), **client.post(f"{LIST}{ticket.id}/check-in/").json()}
    assert (refusal["type"], refusal["device"]) == ("urn:problem:already-checked-in", "Door 3")


class Killed(BaseException):
    """Stands for SIGKILL."""


class DyingTurn(ticket_turn.TicketTurn):
    """Dies when a ticket is changed and its item is written, before the job counts it."""

    def count(self, **_: Any) -> None:
        raise Killed


class TestWorker:
    def test_a_worker_that_dies_leaves_a_ticket_changed_and_counted_or_neither(self) -> None:
        tickets = issued(2)
        job = started(tickets)

        with pytest.raises(Killed):
            DyingTurn(job, Job.objects.filter(id=job.id)).take()
        after = statuses(tickets), JobItem.objects.filter(outcome="open").count(), Job.objects.get().done
        run_all()

        assert after == (["issued", "issued"], 2, 0)
        assert (statuses(tickets), Job.objects.get().done) == (["canceled", "canceled"], 2)

    def test_a_job_is_worked_off_in_slices_in_turn_with_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ticket_turn, "SLICE", 2)
        long, short = started(issued(5)), started(issued(1))
        worker = JobWorker()

        ends = []
        while worker.take_turn():
            ends.append([Job.objects.get(id=job.id).done for job in (long, short)])

        assert ends == [[2, 0], [2, 1], [4, 1], [5, 1]]
        assert {*Job.objects.values_list("state", flat=True)} == {"finished"}

    @pytest.mark.parametrize("loss", ["permission", "deactivated", "deleted"])
    def test_the_rest_is_refused_when_the_asker_may_not_go_on(self, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
        monkeypatch.setattr(ticket_turn, "SLICE", 1)
        tickets = issued(3)
        job = started(tickets)
        JobWorker().take_turn()
        user = User.objects.get(id=job.asked_by_id)
        if loss == "permission":
            user.user_permissions.clear()
        elif loss == "deactivated":
            User.objects.filter(id=user.id).update(is_active=False)
        else:
            user.delete()

        run_all()

        job.refresh_from_db()
        assert (job.state, job.done, job.refused) == ("finished", 1, 2)
        assert statuses(tickets) == ["canceled", "issued", "issued"]
        assert {*JobItem.objects.filter(outcome="refused").values_list("status", flat=True)} == {403}

    def test_a_worker_that_was_taken_for_dead_changes_nothing(self) -> None:
        """Its job goes on in another task, so each of its transactions is undone."""
        tickets = issued(2)
        job = started(tickets)
        mine = UUID(str(Job.objects.get(id=job.id).task_id))
        cancel = actions.ACTIONS["cancel"].change

        def lose_the_job_meanwhile(found: Job, ticket: Ticket) -> None:
            cancel(found, ticket)
            hand_on(job)

        actions.ACTIONS["cancel"] = actions.Action("tickets.cancel_ticket", lose_the_job_meanwhile)  # type: ignore[index]
        try:
            run(job.id, mine)
        finally:
            actions.ACTIONS["cancel"] = actions.Action("tickets.cancel_ticket", cancel)  # type: ignore[index]

        assert statuses(tickets) == ["issued", "issued"]
        assert Job.objects.get(id=job.id).done == 0

    def test_a_job_without_a_living_task_is_taken_up_again_but_no_other(self) -> None:
        started(issued(1))
        DBTaskResult.objects.update(status="RUNNING", started_at=timezone.now())

        adopt_abandoned()
        living = DBTaskResult.objects.filter(status="READY").count()
        make_quiet()
        for _ in range(2):
            adopt_abandoned()
            make_quiet()

        assert (living, DBTaskResult.objects.filter(status="READY").count()) == (0, 1)
        run_all()
        assert Job.objects.get().state == JobState.FINISHED

    def test_a_ticket_on_which_workers_die_again_and_again_is_refused_alone(self) -> None:
        tickets = issued(2)
        job = started(tickets)
        Job.objects.update(stalls=turn.MOST_STALLS)

        run_all()

        job.refresh_from_db()
        assert (job.state, job.done, job.refused) == ("finished", 1, 1)
        assert JobItem.objects.get(outcome="refused").status == 500

    def test_the_worker_ends_after_the_ticket_in_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        job = started(issued(2))
        monkeypatch.setattr(turn.shutdown, "requested", True)

        JobWorker().take_turn()

        job.refresh_from_db()
        assert (job.state, job.done) == ("running", 0)
        assert DBTaskResult.objects.filter(id=job.task_id, status="READY").exists()

    def test_too_many_tickets_start_no_job(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tickets.jobs.starting.MOST_TICKETS", 1)

        with pytest.raises(TooManyTickets):
            started(issued(2))

        assert Job.objects.count() == JobItem.objects.count() == DBTaskResult.objects.count() == 0

    def test_what_has_ended_is_deleted_after_its_time(self) -> None:
        kept = [started([]), started([], state=JobState.DRAFT)]
        old = timezone.now() - timedelta(days=31)
        started(issued(1), state=JobState.FINISHED, finished_at=old)
        started([], state=JobState.DRAFT, created_at=old)
        DBTaskResult.objects.update(status="SUCCESSFUL", started_at=old)
        waiting = started([])

        delete_old()

        assert {*Job.objects.values_list("id", flat=True)} == {*(job.id for job in kept), waiting.id}
        assert JobItem.objects.count() == 0
        assert DBTaskResult.objects.count() == 1
