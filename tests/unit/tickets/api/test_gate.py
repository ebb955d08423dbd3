"""Test how gates check in over REST: once for each nonce of a device, and with a reason for each refusal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.rest import LIST, client_with, client_with_all
from tests.tickets import issue, recorded, rows
from tickets.gate.signed_code import signed
from tickets.models import CheckIn, KeptAnswer, Ticket

pytestmark = pytest.mark.django_db

CHECK_INS = "/api/check-ins/"
AT = "2027-05-01T19:45:00Z"
DOOR = {"device": "Door 3", "nonce": "a1"}


@pytest.fixture
def client() -> APIClient:
    return client_with_all()


def post(client: APIClient, body: Any, address: str = CHECK_INS, **headers: str) -> Any:
    return client.post(address, body, format="json", headers=headers)


class TestWhichTicket:
    @pytest.mark.parametrize("text", ["VIP-X1", "vip x1", " vip–x1 "])
    def test_a_code_is_known_in_any_spelling(self, client: APIClient, text: str) -> None:
        issue(code="VIP-X1")

        answer = post(client, {"code": text})

        assert (answer.status_code, answer.json()["status"]) == (200, "checked_in")

    def test_a_qr_code_is_known_by_its_signature(self, client: APIClient) -> None:
        ticket = issue()

        forged = post(client, {"qr": signed("OTHER").replace("OTHER", ticket.code)})
        genuine = post(client, {"qr": signed(ticket.code)})

        assert (forged.status_code, forged.json()["type"]) == (422, "urn:problem:qr-not-genuine")
        assert (genuine.status_code, genuine.json()["id"]) == (200, str(ticket.id))

    @pytest.mark.parametrize("names", [("SECRET_KEY", "SECRET_KEY_FALLBACKS"), ("TICKETS_QR_KEYS",) * 2])
    def test_a_qr_code_outlives_a_rotated_key(
        self, client: APIClient, settings: Settings, names: tuple[str, str]
    ) -> None:
        key, fallbacks = names
        if key == fallbacks:
            settings.TICKETS_QR_KEYS = ["old" * 20]
        first, second = (signed(issue().code) for _ in range(2))
        old = settings.TICKETS_QR_KEYS or [settings.SECRET_KEY]
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "b" * 50, old if key != fallbacks else []
        settings.TICKETS_QR_KEYS = ["new" * 20, *old] if key == fallbacks else []

        known = post(client, {"qr": first})
        settings.SECRET_KEY_FALLBACKS = []
        settings.TICKETS_QR_KEYS = settings.TICKETS_QR_KEYS[:1]
        forgotten = post(client, {"qr": second})

        assert (known.status_code, forgotten.status_code) == (200, 422)

    def test_a_qr_code_has_no_data_of_a_person(self) -> None:
        ticket = issue()

        version, code, signature = signed(ticket.code).split(".")

        assert (version, code, len(signature)) == ("T1", ticket.code, 16)

    @pytest.mark.parametrize(
        ("body", "status", "kind"),
        [
            ({"code": "NOSUCH"}, 404, "urn:problem:unknown-code"),
            ({"code": "– –"}, 404, "urn:problem:unknown-code"),
            ({"qr": "https://example.org/"}, 422, "urn:problem:qr-not-genuine"),
            ({"qr": "T1..X"}, 422, "urn:problem:qr-not-genuine"),
        ],
    )
    def test_an_unknown_one_is_refused_with_its_type(
        self, client: APIClient, body: dict[str, str], status: int, kind: str
    ) -> None:
        answer = post(client, body)

        assert (answer.status_code, answer.json()["type"]) == (status, kind)

    def test_of_codes_that_differ_in_their_spelling_the_exact_one_is_meant(self, client: APIClient) -> None:
        twin = issue(code="VIP-X1")
        Ticket.objects.filter(id=issue(code="OTHER").id).update(code="vip-x1", code_twin=1)

        assert post(client, {"code": "VIPx1"}).status_code == 404
        assert post(client, {"code": "VIP-X1"}).json()["id"] == str(twin.id)

    @pytest.mark.parametrize(
        ("body", "names"),
        [
            ({}, {"code"}),
            ({"code": "A", "qr": "B"}, {"code"}),
            ({"code": "A", "nonce": "1"}, {"device"}),
            ({"code": "A", "device": "x" * 101}, {"device"}),
            ({"code": "A", "device": "a\u202eb"}, {"device"}),
            ({"code": "A", "device": "D", "nonce": "a b"}, {"nonce"}),
            ({"code": "A", "at": "yesterday"}, {"at"}),
            ({"code": "A", "at": "0001-01-01T00:00:00Z"}, {"at"}),
            ({"code": "A", "gate": "3"}, {"gate"}),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, client: APIClient, body: Any, names: set[str]) -> None:
        answer = post(client, body)

        assert (answer.status_code, answer.json()["errors"].keys()) == (400, names)


@pytest.fixture(params=["by code", "by id"])
def check_in(request: Any, client: APIClient) -> Any:
    """Check a ticket in at either address."""

    def send(ticket: Ticket, body: Any, **headers: str) -> Any:
        if request.param == "by id":
            return post(client, body, f"{LIST}{ticket.id}/check-in/", **headers)
        return post(client, {**body, "code": ticket.code}, **headers)

    return send


class TestNonce:
    def test_a_repeated_report_gets_the_same_answer_for_ever(self, check_in: Any, client: APIClient) -> None:
        ticket = issue()

        first = check_in(ticket, {**DOOR, "at": AT})
        KeptAnswer.objects.all().delete()  # As after 24 hours.
        again = check_in(ticket, {**DOOR, "at": AT}, **{"If-Match": '"1"'})

        assert (first.status_code, again.status_code) == (200, 200)
        assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
        assert again.headers["Consistency-Token"] == first.headers["Consistency-Token"]
        assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
        assert (CheckIn.objects.count(), len(recorded())) == (1, 2)

    def test_it_checks_nothing_in_that_was_undone_since(self, check_in: Any) -> None:
        ticket = issue()
        first = check_in(ticket, DOOR)
        Ticket.objects.get().undo_check_in("wrong door")

        assert check_in(ticket, DOOR).content == first.content
        assert Ticket.objects.get().status == "issued"
        assert check_in(ticket, {**DOOR, "nonce": "a2"}).status_code == 200

    @pytest.mark.parametrize("other", [{"device": "Door 4", "nonce": "a1"}, {"device": "Door 3", "nonce": "a2"}, {}])
    def test_another_one_is_told_when_and_where_the_ticket_was_used(self, check_in: Any, other: Any) -> None:
        ticket = issue(time_zone="Europe/Berlin")
        check_in(ticket, {**DOOR, "at": "2026-05-01T20:01:02+02:00"})
        before = rows(), recorded()

        answer = check_in(ticket, other)

        assert answer.status_code == 409
        assert answer.json() == {
            "type": "urn:problem:already-checked-in",
            "title": "Already checked in",
            "status": 409,
            "detail": f"ticket {ticket.code} is already checked in, Fri 1 May 2026, 20:01 CEST (UTC+2) at Door 3",
            "checked_in_at": "2026-05-01T18:01:02Z",
            "device": "Door 3",
        }
        assert (rows(), recorded()) == before

    def test_a_nonce_of_another_ticket_is_refused(self, check_in: Any) -> None:
        check_in(issue(), DOOR)

        answer = check_in(issue(), DOOR)

        assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:nonce-reused")

    def test_a_canceled_ticket_is_named_as_such(self, check_in: Any) -> None:
        ticket = issue()
        ticket.cancel()

        answer = check_in(ticket, DOOR)

        assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:already-canceled")
        assert answer.json()["canceled_at"] == ticket.updated_at.isoformat().replace("+00:00", "Z")

    def test_the_event_has_the_device_and_its_time(self, check_in: Any) -> None:
        ticket = issue()

        check_in(ticket, {**DOOR, "at": "2026-05-01T20:01:02+02:00"})

        assert (recorded()[-1].device, recorded()[-1].at) == ("Door 3", datetime(2026, 5, 1, 18, 1, 2, tzinfo=UTC))

    def test_a_clock_that_is_fast_says_no_more_than_now(self, check_in: Any) -> None:
        check_in(issue(), {**DOOR, "at": AT})

        assert timezone.now() - CheckIn.objects.get().at < timedelta(minutes=1)

    def test_another_version_than_expected_is_refused(self, client: APIClient) -> None:
        ticket = issue()

        answer = post(client, DOOR, f"{LIST}{ticket.id}/check-in/", **{"If-Match": '"7"'})

        assert (answer.status_code, answer.json()["type"]) == (412, "urn:problem:version-mismatch")
        assert Ticket.objects.get().status == "issued"


def test_who_may_not_see_tickets_is_told_when_and_where_but_no_code() -> None:
    ticket = issue()
    gate = client_with("check_in_ticket", scopes=["tickets:check-in"])

    admitted = post(gate, {**DOOR, "qr": signed(ticket.code)})
    refused = post(gate, {"qr": signed(ticket.code)})

    assert admitted.json() == {"id": str(ticket.id), "status": "checked_in", "version": 2}
    assert (refused.status_code, refused.json()["device"]) == (409, "Door 3")
    assert ticket.code not in refused.content.decode()
