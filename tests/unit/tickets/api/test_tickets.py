from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from events.models import LogEntry
from tests.rest import ALL, BODY, LIST, PROBLEM, client_with, client_with_all
from tests.tickets import FIELDS, issue, recorded, rows
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    """A client with the token of a user who has all permissions for tickets."""
    return client_with_all()


class TestShow:
    def test_a_ticket_is_shown_with_its_version_as_etag(self, client: APIClient) -> None:
        ticket = issue()

        response = client.get(f"{LIST}{ticket.id}/")

        assert response.headers["ETag"] == '"1"'
        assert response.json() == {
            **BODY,
            "id": str(ticket.id),
            "code": ticket.code,
            "starts_at": "2027-05-01T20:00:00Z",
            "time_zone": "UTC",
            "status": "issued",
            "replaces": None,
            "replacement": None,
            "version": 1,
            "created_at": ticket.created_at.isoformat().replace("+00:00", "Z"),
            "updated_at": ticket.updated_at.isoformat().replace("+00:00", "Z"),
        }

    @pytest.mark.parametrize("name", ["0190a7c4-0000-7000-8000-000000000000", "no-id"])
    def test_an_unknown_ticket_is_a_problem(self, client: APIClient, name: str) -> None:
        response = client.get(f"{LIST}{name}/")

        problem = response.json()
        assert (response.status_code, response.headers["Content-Type"]) == (404, PROBLEM)
        assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Not Found", 404)
        assert problem["detail"]


class TestList:
    def test_a_page_has_100_tickets_at_most(self, client: APIClient) -> None:
        Ticket.issue_many([FIELDS] * 101)

        assert len(client.get(LIST, {"limit": 100}).json()["results"]) == 100
        assert client.get(LIST, {"limit": 101}).json()["errors"].keys() == {"limit"}

    @pytest.mark.parametrize("search", [{"status": "canceled"}, {"venue": "Elsewhere"}, {"code": " want-ed "}])
    def test_the_list_is_filtered(self, client: APIClient, search: dict[str, str]) -> None:
        issue()
        wanted = issue(code="WANTED", venue="Elsewhere")
        replacement = wanted.cancel()
        Ticket.objects.filter(id=replacement.id).update(venue="Third")

        assert [ticket["id"] for ticket in client.get(LIST, search).json()["results"]] == [str(wanted.id)]

    def test_a_filter_with_an_unknown_value_is_refused(self, client: APIClient) -> None:
        response = client.get(LIST, {"status": "lost"})

        assert response.status_code == 400
        assert response.json()["errors"].keys() == {"status"}

    def test_equal_tickets_are_ordered_by_id(self, client: APIClient) -> None:
        tickets = [issue(title=title) for title in "BAB"]

        results = client.get(LIST, {"ordering": "title"}).json()["results"]

        assert [ticket["id"] for ticket in results] == [str(tickets[number].id) for number in (1, 2, 0)]

    def test_the_number_of_statements_does_not_depend_on_the_number_of_tickets(
        self, client: APIClient, django_assert_max_num_queries: Any
    ) -> None:
        Ticket.cancel_many(Ticket.issue_many([FIELDS] * 10))

        with django_assert_max_num_queries(8):
            assert len(client.get(LIST).json()["results"]) == 20


class TestIssue:
    def test_times_are_those_at_the_venue_and_prices_have_their_currency_s_decimals(self, client: APIClient) -> None:
        change = {"starts_at": "2027-05-01T20:00", "time_zone": "Asia/Tokyo", "price": "1.25", "currency": "KWD"}

        issued = client.post(LIST, BODY | change, format="json").json()

        shown = client.get(f"{LIST}{issued['id']}/").json()
        assert issued == shown
        assert (shown["starts_at"], shown["time_zone"], shown["price"]) == (
            "2027-05-01T20:00:00+09:00",
            "Asia/Tokyo",
            "1.250",
        )

    def test_an_issued_ticket_is_answered_with_its_location(self, client: APIClient) -> None:
        response = client.post(LIST, BODY, format="json")

        ticket = Ticket.objects.get()
        assert response.status_code == 201
        assert response.json()["id"] == str(ticket.id)
        assert response.headers["Location"] == f"http://testserver{LIST}{ticket.id}/"
        assert [event.ticket for event in recorded()] == [ticket.state()]
        assert LogEntry.objects.get().actor.startswith("user-")

    @pytest.mark.parametrize(
        ("change", "field", "message"),
        [
            ({"title": ""}, "title", "This field may not be blank."),
            ({"starts_at": "2027-05-01T20:00:00"}, "starts_at", "This time has no time zone"),
            ({"starts_at": "9999-12-31T23:30:00Z"}, "starts_at", "outside the years 1900 to 2200"),
            ({"starts_at": "9999-12-31T23:30:00-10:00"}, "starts_at", "out of range"),
            ({"starts_at": "2027-03-28T02:30", "time_zone": "Europe/Berlin"}, "starts_at", "skip this time"),
            ({"starts_at": "2027-05-01", "time_zone": "Europe/Berlin"}, "starts_at", "Write the hours and the minutes"),
            ({"starts_at": "2027-05-01T20.30Z"}, "starts_at", "Write the hours and the minutes"),
            ({"price": "1_000"}, "price", "valid number"),
            ({"time_zone": "Mars/Olympus"}, "time_zone", "not the name of a time zone"),
            ({"price": "1000.50", "currency": "JPY"}, "price", "JPY has no decimals"),
            ({"price": "-1"}, "price", "greater than or equal to 0"),
            ({"price": 1e9}, "price", "digits"),
            ({"currency": "EUX"}, "currency", "not the ISO 4217 code of a currency"),
            ({"holder_email": "x"}, "holder_email", "valid email address"),
            ({"seat": "\0"}, "seat", "NUL or an invalid character"),
            ({"seat": 1.10}, "seat", "Not a valid string."),  # As a text it would be 1.1.
            ({"title": 5}, "title", "Not a valid string."),
            ({"title": 10**30}, "title", "Not a valid string."),
            ({"currency": 978}, "currency", "Not a valid string."),
            (
                {"starts_at": "2201-01-01T00:00", "time_zone": "Europe/Berlin"},
                "starts_at",
                "outside the years 1900 to 2200",
            ),
            (
                {"starts_at": "1900-01-01T02:00Z", "time_zone": "America/New_York"},
                "starts_at",
                "outside the years 1900 to 2200",
            ),
        ],
    )
    def test_invalid_values_are_reported_by_field(
        self, client: APIClient, change: dict[str, Any], field: str, message: str
    ) -> None:
        response = client.post(LIST, BODY | change, format="json")

        problem = response.json()
        assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)
        assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Bad Request", 400)
        assert problem["errors"].keys() == {field}
        assert message in problem["errors"][field][0]
        assert (rows(), recorded()) == ([], [])

    @pytest.mark.parametrize(("body", "status"), [("{", 400), ("[]", 400)])
    def test_a_body_that_is_not_an_object_is_a_problem(self, client: APIClient, body: str, status: int) -> None:
        response = client.generic("POST", LIST, body, content_type="application/json")

        assert (response.status_code, response.headers["Content-Type"]) == (status, PROBLEM)

    def test_a_body_that_is_not_json_is_a_problem(self, client: APIClient) -> None:
        response = client.generic("POST", LIST, "title=x", content_type="application/x-www-form-urlencoded")
        other = client.get(LIST, headers={"Accept": "text/html"})

        assert (response.status_code, response.headers["Content-Type"]) == (415, PROBLEM)
        assert "Content-Type: application/json" in response.json()["detail"]
        assert (other.status_code, "application/json" in other.json()["detail"]) == (406, True)

    def test_the_caller_can_not_set_status_and_version(self, client: APIClient) -> None:
        response = client.post(LIST, BODY | {"status": "canceled", "version": 9, "code": "MINE"}, format="json")

        said = "The service sets this field; leave it out."
        assert response.status_code == 400
        assert response.json()["errors"] == {"status": [said], "version": [said], "code": [said]}
        assert (rows(), recorded()) == ([], [])


class TestCancel:
    def test_the_ticket_and_its_replacement_are_answered(self, client: APIClient) -> None:
        ticket = issue()

        response = client.post(f"{LIST}{ticket.id}/cancel/")

        answer = response.json()
        assert response.status_code == 200
        assert (answer["canceled"]["id"], answer["canceled"]["status"]) == (str(ticket.id), "canceled")
        assert answer["canceled"]["replacement"] == answer["replacement"]["id"]
        assert (answer["replacement"]["replaces"], answer["replacement"]["status"]) == (str(ticket.id), "issued")
        assert [type(event).__name__ for event in recorded()] == ["TicketIssued", "TicketCanceled", "TicketIssued"]

    def test_canceling_twice_is_a_conflict(self, client: APIClient) -> None:
        ticket = issue()
        replacement = ticket.cancel()
        before = rows(), recorded()

        response = client.post(f"{LIST}{ticket.id}/cancel/")

        assert (response.status_code, response.headers["Content-Type"]) == (409, PROBLEM)
        assert response.json() == {
            "type": "urn:problem:transition-refused",
            "title": "Transition refused",
            "status": 409,
            "detail": f"ticket {ticket.code} is already canceled; its replacement is {replacement.code}",
        }
        assert (rows(), recorded()) == before

    @pytest.mark.parametrize(
        ("action", "expected", "detail"),
        [
            ("cancel", '"7", "8"', 'the ticket has version 1, not "7", "8"; read it again'),
            ("check-in", '"7", "8"', 'the ticket has version 1, not "7", "8"; read it again'),
            (
                "cancel",
                'W/"1"',
                "If-Match compares strong ETags alone, as HTTP says: send the ticket's ETag without W/",
            ),
        ],
    )
    def test_another_version_than_expected_is_refused(
        self, client: APIClient, action: str, expected: str, detail: str
    ) -> None:
        ticket = issue()
        before = rows(), recorded()

        response = client.post(f"{LIST}{ticket.id}/{action}/", headers={"If-Match": expected})

        assert (response.status_code, response.headers["Content-Type"]) == (412, PROBLEM)
        assert response.json()["detail"] == detail
        assert (rows(), recorded()) == before

    @pytest.mark.parametrize("expected", ['"1"', '"7", "1"', "*"])
    def test_the_expected_version_is_accepted(self, client: APIClient, expected: str) -> None:
        response = client.post(f"{LIST}{issue().id}/cancel/", headers={"If-Match": expected})

        assert response.status_code == 200


class TestCheckIn:
    def test_the_ticket_is_answered(self, client: APIClient) -> None:
        ticket = issue()

        response = client.post(f"{LIST}{ticket.id}/check-in/")

        assert (response.status_code, response.json()["status"], response.json()["version"]) == (200, "checked_in", 2)
        assert [type(event).__name__ for event in recorded()] == ["TicketIssued", "TicketCheckedIn"]

    def test_a_canceled_ticket_is_a_conflict(self, client: APIClient) -> None:
        ticket = issue()
        ticket.cancel()

        assert client.post(f"{LIST}{ticket.id}/check-in/").status_code == 409


class TestPermissions:
    @pytest.mark.parametrize(
        ("method", "path", "needed"),
        [
            ("get", LIST, "view_ticket"),
            ("get", f"{LIST}{{id}}/", "view_ticket"),
            ("post", LIST, "add_ticket"),
            ("post", f"{LIST}{{id}}/cancel/", "cancel_ticket"),
            ("patch", f"{LIST}{{id}}/", "change_ticket"),
            ("post", f"{LIST}{{id}}/check-in/", "check_in_ticket"),
            ("post", f"{LIST}{{id}}/reinstate/", "reinstate_ticket"),
            ("post", f"{LIST}{{id}}/undo-check-in/", "undo_check_in_ticket"),
        ],
    )
    def test_each_endpoint_requires_its_own_permission(self, method: str, path: str, needed: str) -> None:
        path = path.format(id=issue().id)
        all_others = {f"{action}_ticket" for action in ALL} - {needed}

        body = BODY if needed == "add_ticket" else {}

        def answer(client: APIClient) -> int:
            answer = getattr(client, method)(path, body, format="json", headers={"If-Match": "*"})
            return answer.status_code  # type: ignore[no-any-return]

        assert answer(APIClient()) == 401
        assert answer(client_with(*all_others)) == 403
        assert answer(client_with(needed)) in {200, 201, 409}

    @pytest.mark.parametrize(
        ("permissions", "scopes"),
        [
            (["cancel_ticket", "check_in_ticket"], []),
            (["cancel_ticket", "check_in_ticket", "view_ticket"], ["tickets:cancel", "tickets:check-in"]),
        ],
        ids=["without the permission", "without the scope"],
    )
    def test_who_may_change_a_ticket_and_not_see_it_learns_nothing_else(
        self, permissions: list[str], scopes: list[str]
    ) -> None:
        client = client_with(*permissions, scopes=scopes)
        first, second = issue(), issue()

        canceled = client.post(f"{LIST}{first.id}/cancel/")
        checked_in = client.post(f"{LIST}{second.id}/check-in/")
        refused = [client.post(f"{LIST}{ticket.id}/cancel/").json() for ticket in (first, second)]

        replacement = Ticket.objects.get(replaces=first)
        assert canceled.json() == {
            "canceled": {"id": str(first.id), "status": "canceled", "version": 2},
            "replacement": {"id": str(replacement.id), "status": "issued", "version": 1},
        }
        assert checked_in.json() == {"id": str(second.id), "status": "checked_in", "version": 2}
        assert [problem["detail"] for problem in refused] == [
            "The ticket is already canceled.",
            "The ticket is already checked in.",
        ]

    def test_a_refusal_is_a_problem(self) -> None:
        response = APIClient().get(LIST)

        assert (response.status_code, response.headers["Content-Type"]) == (401, PROBLEM)
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert response.json()["title"] == "Unauthorized"


def test_an_unknown_path_is_a_problem(client: APIClient) -> None:
    assert client.get("/api/nothing/").headers["Content-Type"] == PROBLEM


def test_the_schema_is_valid_and_complete(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))

    schema = (tmp_path / "schema.yaml").read_text()
    assert "/api/tickets/{id}/check-in/:" in schema
    assert "application/problem+json" in schema
    assert "openapi: 3.1" in schema
