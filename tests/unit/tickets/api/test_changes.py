"""Test issuing many tickets, corrections, cancellations, reinstatements and undone check-ins over REST."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from tests.rest import BODY, LIST, client_with, client_with_all
from tests.tickets import issue, recorded, rows
from tickets.events import TicketCanceled, TicketCheckInUndone, TicketReinstated, TicketUpdated
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return client_with_all()


def send(client: APIClient, ticket: Ticket, action: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"{LIST}{ticket.id}/{action}/", body, format="json", headers=headers)


class TestIssueMany:
    def test_all_of_a_list_are_issued(self, client: APIClient, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(20):
            response = client.post(LIST, [{**BODY, "seat": str(seat)} for seat in range(1_000)], format="json")

        issued = response.json()
        assert response.status_code == 201
        assert [ticket["seat"] for ticket in issued] == [str(seat) for seat in range(1_000)]
        assert {ticket["id"] for ticket in issued} == {str(ticket.id) for ticket in Ticket.objects.all()}
        assert len(recorded()) == 1_000

    def test_none_is_issued_if_some_are_wrong_and_each_is_named(self, client: APIClient) -> None:
        wrong = [
            BODY,
            {**BODY, "title": "", "holder_email": "x"},
            {**BODY, "price": "1.5", "currency": "JPY"},
            7,
        ]

        response = client.post(LIST, wrong, format="json")

        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["1.title", "1.holder_email", "2.price", "3.non_field_errors"]
        assert (rows(), recorded()) == ([], [])

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ([], "non_field_errors"),
            ([BODY] * 1_001, "non_field_errors"),
            ([BODY, {**BODY, "titel": "a"}], "1.titel"),
            ([{**BODY, "status": "canceled"}], "0.status"),
            ([BODY, None], "1.non_field_errors"),
            ([BODY, 5], "1.non_field_errors"),
        ],
    )
    def test_a_wrong_list_is_refused_by_name(self, client: APIClient, body: Any, name: str) -> None:
        response = client.post(LIST, body, format="json")

        assert response.status_code == 400
        assert response.json()["errors"].keys() == {name}
        assert (rows(), recorded()) == ([], [])


class TestCorrect:
    def correct(self, client: APIClient, ticket: Ticket, body: Any, expected: str = "*") -> Any:
        return client.patch(f"{LIST}{ticket.id}/", body, format="json", headers={"If-Match": expected})

    def test_the_holder_is_changed_with_an_event(self, client: APIClient) -> None:
        ticket = issue()

        response = self.correct(client, ticket, {"holder_name": " Grace  Hopper "}, '"1"')

        assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
        assert (response.json()["holder_name"], response.json()["code"]) == ("Grace Hopper", ticket.code)
        assert recorded()[1] == TicketUpdated(ticket=Ticket.objects.get().state(), changed=["holder_name"])

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"title": "Other"}, "title"),
            ({"holder_email": "x"}, "holder_email"),
            ({"holder_name": ""}, "holder_name"),
            ({"holder_name": 5}, "holder_name"),
            ({"seat": 1.10}, "seat"),  # As a text it would be 1.1.
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, client: APIClient, body: Any, name: str) -> None:
        ticket = issue()
        before = rows()

        response = self.correct(client, ticket, body)

        assert (response.status_code, list(response.json()["errors"])) == (400, [name])
        assert (rows(), len(recorded())) == (before, 1)

    def test_the_state_that_is_changed_has_to_be_known(self, client: APIClient) -> None:
        ticket = issue()

        missing = client.patch(f"{LIST}{ticket.id}/", {"seat": "B"}, format="json")
        outdated = self.correct(client, ticket, {"seat": "B"}, '"7"')

        assert (missing.status_code, missing.json()["type"]) == (428, "urn:problem:if-match-required")
        assert (outdated.status_code, outdated.json()["type"]) == (412, "urn:problem:version-mismatch")
        assert Ticket.objects.get().seat == ticket.seat

    def test_the_etag_of_an_expanded_ticket_is_expected_too(self, client: APIClient) -> None:
        ticket = issue().cancel()
        etag = client.get(f"{LIST}{ticket.id}/", {"expand": "replaces"}).headers["ETag"]

        assert etag == '"1-2"'
        assert self.correct(client, ticket, {"seat": "B"}, etag).status_code == 200

    def test_a_used_ticket_is_a_conflict(self, client: APIClient) -> None:
        ticket = issue()
        ticket.check_in()

        assert self.correct(client, ticket, {"seat": "B"}).status_code == 409


class TestCancel:
    def test_the_replacement_has_the_corrected_holder_and_the_event_the_reason(self, client: APIClient) -> None:
        ticket = issue()

        response = send(client, ticket, "cancel", {"reason": "sold", "holder_name": "Ada", "seat": "B"})

        replacement = response.json()["replacement"]
        assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
        assert (replacement["holder_name"], replacement["seat"]) == ("Ada", "B")
        assert replacement["holder_email"] == ticket.holder_email
        assert recorded()[1].reason == "sold"

    def test_without_a_replacement(self, client: APIClient) -> None:
        ticket = issue()

        response = send(client, ticket, "cancel", {"replace": False, "reason": "refunded"})

        assert response.json()["replacement"] is None
        assert response.json()["canceled"]["replacement"] is None
        canceled = recorded()[1]
        assert isinstance(canceled, TicketCanceled)
        assert (canceled.new_ticket_id, canceled.reason) == (None, "refunded")

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"reason": "x" * 501}, "reason"),
            ({"reason": None}, "reason"),
            ({"reason": 5}, "reason"),
            ({"reason": "a\u202eb"}, "reason"),
            ({"replace": "perhaps"}, "replace"),
            ({"replace": "no"}, "replace"),
            ({"replace": 0}, "replace"),
            ({"replace": False, "seat": "B"}, "seat"),
            ({"holder_email": "x"}, "holder_email"),
            ({"title": "Other"}, "title"),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, client: APIClient, body: Any, name: str) -> None:
        ticket = issue()
        before = rows()

        response = send(client, ticket, "cancel", body)

        assert (response.status_code, list(response.json()["errors"])) == (400, [name])
        assert (rows(), len(recorded())) == (before, 1)


class TestReinstate:
    def test_the_ticket_is_valid_and_its_replacement_void(self, client: APIClient) -> None:
        ticket = issue()
        replacement = ticket.cancel()

        response = send(client, ticket, "reinstate", {"reason": "by mistake"}, **{"If-Match": '"2"'})

        assert (response.status_code, response.headers["ETag"]) == (200, '"3"')
        assert (response.json()["status"], response.json()["replacement"]) == ("issued", None)
        assert Ticket.objects.get(id=replacement.id).status == "canceled"
        assert isinstance(recorded()[-1], TicketReinstated)

    def test_a_used_replacement_is_a_conflict(self, client: APIClient) -> None:
        ticket = issue()
        ticket.cancel().check_in()
        before = rows()

        response = send(client, ticket, "reinstate")

        assert (response.status_code, response.json()["type"]) == (409, "urn:problem:transition-refused")
        assert rows() == before


class TestUndoCheckIn:
    def test_the_ticket_can_be_used_again(self, client: APIClient) -> None:
        ticket = issue()
        checked_in = send(client, ticket, "check-in")

        response = send(client, ticket, "undo-check-in", {"reason": "wrong door"})

        assert (checked_in.headers["ETag"], response.headers["ETag"]) == ('"2"', '"3"')
        assert (response.status_code, response.json()["status"]) == (200, "issued")
        undone = recorded()[-1]
        assert isinstance(undone, TicketCheckInUndone)
        assert undone.reason == "wrong door"

    def test_a_ticket_that_is_not_checked_in_is_a_conflict(self, client: APIClient) -> None:
        assert send(client, issue(), "undo-check-in").status_code == 409


@pytest.mark.parametrize(
    ("permission", "method", "path", "before"),
    [
        ("change_ticket", "patch", "", None),
        ("reinstate_ticket", "post", "reinstate/", "void"),
        ("undo_check_in_ticket", "post", "undo-check-in/", "check_in"),
    ],
)
def test_who_may_change_a_ticket_and_not_see_it_gets_the_outline(
    permission: str, method: str, path: str, before: str | None
) -> None:
    ticket = issue()
    if before:
        getattr(ticket, before)()

    answer = getattr(client_with(permission), method)(
        f"{LIST}{ticket.id}/{path}", {} if before else {"seat": "B"}, format="json", headers={"If-Match": "*"}
    )

    assert answer.json() == {"id": str(ticket.id), "status": "issued", "version": ticket.version + 1}


def test_the_examples_of_the_document_are_carried_out(client: APIClient) -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    sent = 0
    issue(code="K7WQ-2MXA")

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in content.get("examples", {}).items():
                address = path.replace("{id}", str(issue().id))
                answer = getattr(client, method)(address, example["value"], format="json", headers={"If-Match": "*"})
                assert answer.status_code in {200, 201, 202}, (name, answer.json())
                sent += 1

    assert sent == 9


def test_an_issued_ticket_is_answered_with_its_etag(client: APIClient) -> None:
    assert client.post(LIST, BODY, format="json").headers["ETag"] == '"1"'
