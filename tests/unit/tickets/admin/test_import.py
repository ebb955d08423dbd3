"""Test the import in the admin: a worker checks the file, and imports it when the job's page confirms that."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from events.models import LogEntry
from tests.permitted import permit
from tests.tickets import issue, rows
from tests.unit.tickets.admin.test_jobs import text_of
from tickets.jobs import file_turn, turn
from tickets.jobs.worker import JobWorker
from tickets.models import Job, JobFile, JobItem, JobState, Ticket

pytestmark = pytest.mark.django_db(transaction=True)  # The worker closes its session, even within a transaction.
LIST, JOBS = "/admin/tickets/ticket/", "/admin/tickets/job/"
HEADER = "code;title;venue;starts_at;time_zone;seat;holder_name;holder_email;price;currency;status\r\n"
ROW = "A1;Café;Halle;01.05.2027 20:00;Europe/Berlin;;José;jose@example.org;49,90;EUR;issued\r\n"


def client_with(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    permit(user, *permissions)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client() -> Client:
    return client_with("view_ticket", "add_ticket")


def upload(client: Client, content: str) -> Any:
    return client.post(f"{LIST}import/", {"file": SimpleUploadedFile("tickets.csv", content.encode("cp1252"))})


def checked(client: Client, content: str) -> str:
    """Let a worker check the file, and return the job's page."""
    page = upload(client, content).url
    call_command("run_jobs", once=True)
    return str(page)


def confirm(client: Client) -> None:
    client.post(f"{JOBS}{Job.objects.latest('id').id}/confirm/", {"confirmed": "yes"})


def many(count: int) -> str:
    return HEADER + "".join(ROW.replace("A1;", ";") for _ in range(count))


def test_a_file_is_checked_and_imported_after_a_confirmation(client: Client) -> None:
    page = checked(client, HEADER + ROW)
    shown, before = text_of(client.get(page)), rows()
    confirm(client)
    call_command("run_jobs", once=True)

    assert "The file can be imported, with this result: 1 issued, 0 of them canceled" in shown
    assert "A1 Café, Halle" in shown
    assert "read as cp1252" in shown
    assert before == []
    assert [(ticket.title, str(ticket.price)) for ticket in Ticket.objects.all()] == [("Café", "49.90")]
    assert LogEntry.objects.get().actor == "clerk"
    assert "1 issued, 0 of them canceled, 0 checked in; 0 already known; 0 bad." in text_of(client.get(page))
    assert JobFile.objects.count() == 0
    again = text_of(client.get(checked(client, HEADER + ROW)))
    assert "with this result: 0 issued, 0 of them canceled, 0 checked in; 1 already known" in again


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + ROW + "<b>;;;;;;;;;;", "line 3: "),
        (HEADER + ROW + "<b>;;;;;;;;;;", "code: A code has letters A to Z"),
        (HEADER + ROW + "A1;Other" + ROW[7:], "title: ticket A1 already exists, with"),
        (HEADER + "TAKEN" + ROW[2:], "line 2: title: ticket TAKEN already exists"),
    ],
)
def test_each_mistake_is_shown_by_its_row_and_nothing_is_written(client: Client, content: str, message: str) -> None:
    issue(code="TAKEN")
    before = rows()

    page = client.get(checked(client, content)).content.decode()
    confirm(client)
    call_command("run_jobs", once=True)

    assert message in page
    assert "Nothing was written." in page
    assert "<b>" not in page
    assert rows() == before
    assert JobFile.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.replace("seat", "row"), "&#x27;seat&#x27; is missing."),
        ("x" * 200_000, "field larger than field limit"),
        ("", "The submitted file is empty."),
        (HEADER, "and no tickets."),
        ('sep="\n' + HEADER, "is missing."),
    ],
)
def test_what_is_no_file_of_tickets_is_refused_at_once(client: Client, content: str, message: str) -> None:
    response = upload(client, content)

    assert response.status_code == 400
    assert message in response.content.decode()
    assert Job.objects.count() == 0


def test_a_file_that_is_too_large_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickets.admin.import_page.LARGEST_FILE", 100)

    assert "at most 100 can be imported here" in upload(client, HEADER + ROW).content.decode()


def test_an_interrupted_import_goes_on_behind_the_last_row_that_was_written(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_turn, "ROWS_PER_CHUNK", 2)
    monkeypatch.setattr(file_turn, "CHUNKS_PER_TURN", 1)
    checked(client, many(7))
    confirm(client)
    worker = JobWorker()

    written = []
    while worker.take_turn():
        written.append((Ticket.objects.count(), Job.objects.get().done))

    assert written == [(2, 2), (4, 4), (6, 6), (7, 7)]
    assert (Job.objects.get().state, Job.objects.get().counts["issued"]) == ("finished", 7)


def test_a_check_that_is_interrupted_begins_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_turn, "ROWS_PER_CHUNK", 1)
    upload(client, HEADER + ROW + "<b>;;;;;;;;;;\r\n" + ROW.replace("A1", "A2"))
    Job.objects.update(done=1, refused=5)
    JobItem.objects.create(job=Job.objects.get(), outcome="refused")

    call_command("run_jobs", once=True)

    job = Job.objects.get()
    assert (job.state, job.done, job.refused, job.items.count(), job.counts["issued"]) == ("finished", 2, 1, 1, 2)


def test_a_code_that_the_file_repeats_is_found_wherever_it_is(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_turn, "ROWS_PER_CHUNK", 1)

    page = client.get(checked(client, HEADER + ROW + ROW + ROW.replace("Café", "Other"))).content.decode()

    assert "line 4: code: An earlier row of the file has this code, with other values." in page
    assert Job.objects.get().counts["known"] == 1


def test_the_file_of_a_stopped_import_is_deleted(client: Client) -> None:
    upload(client, HEADER + ROW)

    client.post(f"{JOBS}{Job.objects.get().id}/stop/")
    call_command("run_jobs", once=True)

    assert (Job.objects.get().state, JobFile.objects.count(), rows()) == (JobState.STOPPED, 0, [])


def test_an_import_on_which_workers_die_again_and_again_is_stopped(client: Client) -> None:
    upload(client, HEADER + ROW)
    Job.objects.update(stalls=turn.MOST_STALLS)

    call_command("run_jobs", once=True)

    assert Job.objects.get().state == JobState.STOPPED
    assert JobFile.objects.count() == 0


def test_importing_needs_the_permission_to_issue_tickets_also_while_it_runs(client: Client) -> None:
    upload(client, HEADER + ROW)
    user = User.objects.get()
    user.user_permissions.set(Permission.objects.filter(codename="view_ticket"))

    call_command("run_jobs", once=True)

    assert Job.objects.get().state == JobState.STOPPED
    assert client.get(f"{LIST}import/").status_code == upload(client, HEADER + ROW).status_code == 403
    assert "Import tickets" not in client.get(LIST).content.decode()
    assert rows() == []
