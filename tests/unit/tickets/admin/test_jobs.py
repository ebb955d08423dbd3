"""Test jobs in the admin: chosen in the list, confirmed, followed, and stopped."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone, translation

from events.models import LogEntry
from tests.permitted import permit
from tests.tickets import FIELDS, issue
from tickets.models import Job, JobItem, JobState, Ticket

pytestmark = pytest.mark.django_db(transaction=True)  # The worker closes its session, even within a transaction.
LIST, JOBS = "/admin/tickets/ticket/", "/admin/tickets/job/"


def client_with(*permissions: str) -> Client:
    user = User.objects.create_user(f"user-{User.objects.count()}", is_staff=True)
    permit(user, *permissions)
    client = Client()
    client.force_login(user)
    return client


def choose(client: Client, action: str, *tickets: Ticket, query: str = "", **more: str) -> Any:
    chosen = {"action": action, "_selected_action": [str(ticket.id) for ticket in tickets], **more}
    return client.post(LIST + query, chosen)


def text_of(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_all_that_a_filter_finds_is_changed_after_a_confirmation_that_repeats_no_ids() -> None:
    client = client_with("view_ticket", "cancel_ticket")
    tickets = Ticket.issue_many([FIELDS] * 105)
    other = issue(currency="USD")
    tickets[0].check_in()

    asked = choose(client, "cancel_selected", tickets[0], query="?currency__exact=EUR", select_across="1")
    page = client.get(asked.url)
    later = issue()
    started = client.post(asked.url, {"confirmed": "yes", "reason": "Rain"}, headers={"X-Request-ID": "confirmed"})
    waiting = client.get(started.url)
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))
    quiet = client.get(f"{JOBS}{Job.objects.get().id}/progress/")
    call_command("run_jobs", once=True)

    assert "Cancel 105 tickets?" in text_of(page)
    assert "These are the first 10." in text_of(page)
    assert page.content.decode().count(str(tickets[0].id)) == 0
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    assert "No worker has done anything" not in text_of(waiting)
    assert "No worker has done anything" in text_of(quiet)
    job = Job.objects.get()
    assert (job.state, job.done, job.refused, job.replace) == ("finished", 104, 1, False)
    assert {*Ticket.objects.filter(id__in=[other.id, later.id]).values_list("status", flat=True)} == {"issued"}
    assert LogEntry.objects.filter(correlation_id="confirmed", type="ticket.canceled").count() == 104
    shown = client.get(started.url)
    assert "104 done, 1 refused, of 105." in text_of(shown)
    assert f'<a href="{LIST}{tickets[0].id}/change/">{tickets[0].code}</a>' in shown.content.decode()
    assert f"ticket {tickets[0].code} is already checked in" in text_of(shown)
    assert "hx-trigger" not in shown.content.decode()
    assert client.get(f"{JOBS}{job.id}/progress/").headers["HX-Refresh"] == "true"
    assert "105 / 105" in text_of(client.get(JOBS))
    assert [text_of(page).count(" UTC") for page in (shown, client.get(JOBS))] == [3, 2]  # With that of a check-in.


def test_tickets_are_checked_in_and_the_form_asks_for_no_reason() -> None:
    client = client_with("view_ticket", "check_in_ticket")
    ticket = issue()

    asked = choose(client, "check_in_selected", ticket)
    page = client.get(asked.url)
    client.post(asked.url, {"confirmed": "yes"})
    call_command("run_jobs", once=True)

    assert "reason" not in page.content.decode()
    assert Ticket.objects.get().status == "checked_in"


def test_a_refusal_is_written_in_the_language_of_the_one_who_asked() -> None:
    client = client_with("view_ticket", "cancel_ticket")
    client.cookies["django_language"] = "de"
    ticket = issue()
    asked = choose(client, "cancel_selected", ticket)
    ticket.check_in()

    started = client.post(asked.url, {"confirmed": "yes"})
    with translation.override("en"):  # The worker's.
        call_command("run_jobs", once=True)

    assert f"Ticket {ticket.code} ist schon entwertet" in text_of(client.get(started.url))


def test_nothing_starts_without_a_confirmation_the_permission_or_for_somebody_else() -> None:
    ticket = issue()
    client = client_with("view_ticket", "cancel_ticket")
    asked = choose(client, "cancel_selected", ticket)
    call_command("run_jobs", once=True)

    User.objects.get(username="user-0").user_permissions.clear()
    User.objects.get(username="user-0").user_permissions.set(Permission.objects.filter(codename="view_ticket"))
    assert client.post(asked.url, {"confirmed": "yes"}).status_code == 403
    assert client_with("view_ticket", "cancel_ticket").post(asked.url, {"confirmed": "yes"}).status_code == 404
    choose(client, "cancel_selected", ticket)
    assert (Job.objects.get().state, Ticket.objects.get().status) == (JobState.DRAFT, "issued")


def test_a_job_is_stopped_by_those_who_may_start_one() -> None:
    client = client_with("view_ticket", "cancel_ticket")
    asked = choose(client, "cancel_selected", issue())
    client.post(asked.url, {"confirmed": "yes", "reason": "x"})
    stop = f"{JOBS}{Job.objects.get().id}/stop/"

    assert client_with("view_ticket", "check_in_ticket").post(stop).status_code == 403
    assert client.get(stop).status_code == 405
    client.post(stop)
    call_command("run_jobs", once=True)

    assert (Job.objects.get().state, Ticket.objects.get().status) == (JobState.STOPPED, "issued")


def test_more_tickets_than_a_job_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickets.jobs.starting.MOST_TICKETS", 1)
    client = client_with("view_ticket", "cancel_ticket")

    asked = choose(client, "cancel_selected", issue(), issue())

    assert "These are more than 1 tickets" in text_of(client.get(asked.url))
    assert Job.objects.count() == JobItem.objects.count() == 0
