"""Test how gates check in over REST: once for each nonce of a device, and with a reason for each refusal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from events.feed.cursor import FeedCursor
from events.relay.flush import give_positions_without_redis
from tests.rest import LIST, client_with, client_with_all
from tests.tickets import issue, recorded, rows
from tickets.gate.code_list import hash_of
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
            ({"code": "A", "at": "2026-05-01T18:00:00"}, {"at"}),
            ({"code": "A", "at": "2026-05-01"}, {"at"}),
            ({"code": "A", "at": "2026-05-01T18.30Z"}, {"at"}),
            ({"code": "A", "device": "\u0958" * 51}, {"device"}),  # It is two characters when it is stored.
            ({"code": "A", "gate": "3"}, {"gate"}),
            ({"code": 5}, {"code"}),
            ({"qr": 5}, {"qr"}),
            ({"code": "A", "device": 5}, {"device"}),
            ({"code": "A", "device": "D", "nonce": 5}, {"nonce"}),
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
            "detail": f"ticket {ticket.code} is already checked in, Fri, 1 May 2026, 20:01 CEST (UTC+2) at Door 3",
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


class TestLateCheckIns:
    ADDRESS = "/api/gate/check-ins/"

    def test_each_is_answered_on_its_own(self, client: APIClient) -> None:
        fresh, used, canceled = (issue(time_zone="UTC") for _ in range(3))
        used.check_in()
        canceled.cancel()
        entries = [
            {"code": fresh.code, "device": "Door 3", "nonce": "n1", "at": "2026-05-01T18:00:00Z"},
            {"qr": signed(fresh.code), "device": "Door 3", "nonce": "n1", "at": "2026-05-01T18:00:00Z"},
            {"code": fresh.code, "device": "Door 4", "nonce": "n1", "at": "2026-05-01T18:02:00Z"},
            {"code": used.code, "device": "Door 3", "nonce": "n2", "at": AT},
            {"code": canceled.code, "device": "Door 3", "nonce": "n3", "at": AT},
            {"code": "NOSUCH", "device": "Door 3", "nonce": "n4", "at": AT},
            {"code": fresh.code, "device": "Door 3", "at": AT},
            {"code": used.code, "device": "Door 3", "nonce": "n1", "at": AT},
        ]

        results = post(client, entries, self.ADDRESS).json()["results"]

        kinds = [found["problem"]["type"].removeprefix("urn:problem:") for found in results[2:]]
        assert [(found["nonce"], found["outcome"]) for found in results[:3]] == [
            ("n1", "taken"),
            ("n1", "repeated"),
            ("n1", "refused"),
        ]
        assert [found["ticket"] for found in results[:3]] == [str(fresh.id), str(fresh.id), None]
        used_first, *_ = (found["problem"] for found in results[2:])
        assert (used_first["checked_in_at"], used_first["device"]) == ("2026-05-01T18:00:00Z", "Door 3")
        assert kinds == [
            "already-checked-in",
            "already-checked-in",
            "already-canceled",
            "unknown-code",
            "about:blank",
            "nonce-reused",
        ]
        assert results[6]["problem"]["errors"].keys() == {"nonce"}
        assert CheckIn.objects.get(ticket=fresh).at == datetime(2026, 5, 1, 18, 0, tzinfo=UTC)
        assert CheckIn.objects.count() == 2

    @pytest.mark.parametrize("body", [{}, [{}] * 101])
    def test_another_body_is_refused(self, client: APIClient, body: Any) -> None:
        assert post(client, body, self.ADDRESS).status_code == 400


class TestCodes:
    ADDRESS = "/api/gate/codes/"

    def statuses(self, answer: Any, *tickets: Ticket) -> list[str | None]:
        page = answer.json()
        return [page["codes"].get(hash_of(ticket.code_key, page["salt"])) for ticket in tickets]

    def page(self, client: APIClient, **parameters: Any) -> Any:
        return client.get(self.ADDRESS, parameters)

    def test_a_list_begins_with_all_and_goes_on_with_what_has_changed(self, client: APIClient) -> None:
        tickets = [issue(seat=str(seat)) for seat in range(4)]
        tickets[0].cancel()
        give_positions_without_redis([0])
        [replacement] = Ticket.objects.filter(replaces=tickets[0])

        first = self.page(client, limit=3)
        second = self.page(client, limit=3, since=first.json()["next"])
        tickets[1].check_in()
        late = issue(seat="late")
        give_positions_without_redis([0])
        third = self.page(client, limit=3, since=second.json()["next"])
        fourth = self.page(client, limit=3, since=third.json()["next"])

        assert (first.status_code, first.json()["has_more"], second.json()["has_more"]) == (200, True, False)
        assert self.statuses(first, *tickets[:3]) == ["canceled", "issued", "issued"]
        assert self.statuses(second, tickets[3], replacement) == ["issued", "issued"]
        assert self.statuses(third, tickets[1], late) == ["checked_in", "issued"]
        assert (third.json()["has_more"], fourth.json()["codes"]) == (False, {})
        assert self.page(client).json()["salt"] != first.json()["salt"]

    @pytest.mark.parametrize("is_late", [False, True])
    def test_what_is_committed_while_the_table_is_read_follows(self, client: APIClient, *, is_late: bool) -> None:
        ticket = issue()
        give_positions_without_redis([0])

        first = self.page(client, limit=1)
        ticket.cancel()  # Behind the reader, and without a position for now.
        if not is_late:
            give_positions_without_redis([0])
        second = self.page(client, since=first.json()["next"])
        third = self.page(client, since=second.json()["next"])
        give_positions_without_redis([0])
        fourth = self.page(client, since=third.json()["next"])

        assert self.statuses(first, ticket) == ["issued"]
        seen = self.statuses(third, ticket) + self.statuses(fourth, ticket)
        assert seen == ([None, "canceled"] if is_late else ["canceled", None])

    def test_it_has_no_code_and_nothing_of_a_person(self, client: APIClient) -> None:
        ticket = issue()

        shown = self.page(client).content.decode()

        assert [text for text in (ticket.code, ticket.holder_name, "@", str(ticket.id)) if text in shown] == []

    def test_it_has_the_tickets_of_a_venue_and_an_evening(self, client: APIClient) -> None:
        here, there, later = issue(), issue(venue="Elsewhere"), issue(starts_at=datetime(2027, 5, 3, tzinfo=UTC))
        chosen = {"venue": here.venue, "starts_from": "2027-05-01", "starts_to": "2027-05-01"}

        first = self.page(client, **chosen)
        there.check_in()
        here.check_in()
        give_positions_without_redis([0])
        second = self.page(client, since=first.json()["next"], **chosen)

        assert self.statuses(first, here, there, later) == ["issued", None, None]
        assert self.statuses(second, here, there) == ["checked_in", None]

    @pytest.mark.parametrize("since", ["x", "0" * 32 + ".00000000.MA.", "0" * 32 + f".{'0' * 8}.MA.x"])
    def test_a_cursor_of_another_list_is_refused(self, client: APIClient, since: str) -> None:
        answer = self.page(client, since=since)

        assert (answer.status_code, answer.json()["errors"].keys()) == (400, {"since"})

    def test_a_list_of_a_log_that_was_restored_has_to_begin_again(self, client: APIClient) -> None:
        salt, filters, _, _ = self.page(client).json()["next"].split(".")
        ahead = FeedCursor((17,))

        answer = self.page(client, since=f"{salt}.{filters}.{ahead}.")

        assert (answer.status_code, answer.json()["type"]) == (410, "urn:problem:list-outdated")
