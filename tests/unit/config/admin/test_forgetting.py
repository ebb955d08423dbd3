"""Forget a person in the admin: it asks, proves, and names the person nowhere but in the forms."""

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from events.models import LogEntry
from tests.tickets import issue
from tests.unit.events.admin.test_dead_letters import client_with
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream")]

PAGE = "/admin/forgetting/"
ADA = "ada@example.org"
FORGET, REPORT = "forget_person", "report_person"


@pytest.fixture(autouse=True)
def _own_list(settings: Settings, tmp_path: Path) -> None:
    settings.EVENTS_FORGOTTEN_FILE = str(tmp_path / "forgotten")
    settings.EVENTS_SUBSCRIBERS = {}


def test_a_person_is_forgotten_with_a_proof_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ticket = issue(holder_name="Ada Lovelace", holder_email=ADA)
    ticket.cancel("for Ada Lovelace")
    client = client_with(FORGET)

    asked = client.post(PAGE, {"person": ticket.code})
    assert "The person is in 2 rows of tables and in 3 events of the log." in asked.text
    assert Ticket.objects.filter(holder_email=ADA).count() == 2

    done = client.post(PAGE, {"person": ADA, "confirmed": "yes"})

    assert "The person is forgotten." in done.text
    assert "backups" in done.text
    assert ADA not in done.text
    assert not Ticket.objects.filter(holder_email=ADA).exists()
    assert not LogEntry.objects.filter(data__icontains="lovelace").exists()
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if line.startswith("person_forgotten") and 'by="grace"' in line]
    assert [line for line in said if ADA in line.lower() or "lovelace" in line.lower()] == []


def test_what_is_stored_is_handed_out_as_a_file(caplog: pytest.LogCaptureFixture) -> None:
    issue(holder_email=ADA, title="Les Misérables")

    handed = client_with(REPORT).post(f"{PAGE}report/", {"person": ADA})

    assert handed.headers["Content-Disposition"] == 'attachment; filename="person.json"'
    assert json.loads(handed.content)["places"]["table tickets_ticket"][0]["title"] == "Les Misérables"
    assert "no-store" in handed.headers["Cache-Control"]
    assert [record for record in caplog.records if record.getMessage().startswith("person_reported")]


def test_each_of_both_needs_its_own_permission() -> None:
    issue(holder_email=ADA)
    paths = {FORGET: PAGE, REPORT: f"{PAGE}report/"}
    for permission, other in ((FORGET, REPORT), (REPORT, FORGET)):
        client = client_with(permission, name=permission)

        assert client.get(paths[permission]).status_code == 200
        assert client.get(paths[other]).status_code == 403
        assert client.post(paths[other], {"person": ADA, "confirmed": "yes"}).status_code == 403
    assert Ticket.objects.filter(holder_email=ADA).exists()


@pytest.mark.parametrize(("person", "status"), [("", 400), ("abc", 400), ("nobody@example.org", 200)])
def test_whom_nobody_knows_is_said(person: str, status: int) -> None:
    page = client_with(FORGET).post(PAGE, {"person": person})

    assert page.status_code == status
    assert ("Is the address misspelt?" in page.text) == (status == 200)
