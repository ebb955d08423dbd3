"""A request with an idempotency key whose process is killed is carried out once, whenever it is sent again."""

import signal

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from accounts.models import Token
from tests.processes import start
from tests.rest import LIST
from tests.tickets import issue, recorded
from tickets.models import KeptAnswer, Ticket

KEY = "1b4e28ba"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("moment", "is_carried_out"), [("kept", False), ("committed", True)])
def test_a_killed_process_leaves_the_change_with_its_key_or_neither(moment: str, *, is_carried_out: bool) -> None:
    ticket = issue()
    token = Token.issue(user=User.objects.create_superuser("root"), name="of a test").text
    address = f"{LIST}{ticket.id}/cancel/"

    process = start("-m", "tests.faults.killed_request", moment, address, token, KEY)

    assert process.wait(60) == -signal.SIGKILL
    assert (Ticket.objects.count(), KeptAnswer.objects.count()) == ((2, 1) if is_carried_out else (1, 0))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    again = client.post(address, headers={"Idempotency-Key": KEY})
    assert again.status_code == 200
    assert ("Idempotent-Replayed" in again.headers) == is_carried_out
    assert again.json()["canceled"]["replacement"] == str(Ticket.objects.get(replaces=ticket).id)
    assert [type(event).__name__ for event in recorded()] == ["TicketIssued", "TicketCanceled", "TicketIssued"]
