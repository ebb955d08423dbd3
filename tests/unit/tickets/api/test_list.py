"""Test the list's filters, pages, and what a shown ticket has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.rest import LIST, client_with, client_with_all
from tests.tickets import FIELDS, issue
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return client_with_all()


def ids(answer: Any) -> list[str]:
    return [ticket["id"] for ticket in answer.json()["results"]]


class TestFilters:
    @pytest.mark.parametrize(
        ("search", "wanted"),
        [
            ({"status": "canceled"}, {}),
            ({"venue": " Kleiner  Saal "}, {"venue": "Kleiner Saal"}),
            ({"currency": "KWD"}, {"currency": "KWD"}),
            ({"code": " want-ed "}, {"code": "WANTED"}),
            ({"holder_email": "Ada@EXAMPLE.org"}, {"holder_email": "Ada@example.Org"}),
            ({"starts_from": "2027-05-02"}, {"starts_at": datetime(2027, 5, 2, tzinfo=UTC)}),
            ({"starts_to": "2027-04-30"}, {"starts_at": datetime(2027, 4, 30, 23, 59, tzinfo=UTC)}),
            ({"starts_from": "2027-05-01T22:00:01+02:00"}, {"starts_at": datetime(2027, 5, 1, 20, 1, tzinfo=UTC)}),
            ({"starts_from": "2027-05-02T20:00:01+23:59"}, {"starts_at": datetime(2027, 5, 1, 20, 1, 1, tzinfo=UTC)}),
            ({"starts_to": "2027-05-01T21:59:59+02:00"}, {"starts_at": datetime(2027, 5, 1, 19, 59, tzinfo=UTC)}),
        ],
        ids=str,
    )
    def test_one_ticket_is_found(self, client: APIClient, search: dict[str, str], wanted: dict[str, Any]) -> None:
        issue()
        found = issue(**wanted)
        if "status" in search:
            found.void()

        assert ids(client.get(LIST, search)) == [str(found.id)]

    def test_the_name_of_an_address_minds_case(self, client: APIClient) -> None:
        issue(holder_email="ada@example.org")

        assert ids(client.get(LIST, {"holder_email": "Ada@example.org"})) == []

    def test_days_are_those_at_the_venue(self, client: APIClient) -> None:
        """In Kiritimati and on Pago Pago the clocks are 25 hours apart; the tickets start at nearly the same time."""
        at = datetime(2027, 5, 1, 10, 30, tzinfo=UTC)
        ahead, behind = (
            str(issue(starts_at=at, time_zone=zone).id) for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago")
        )
        late = str(issue(starts_at=at + timedelta(hours=24), time_zone="Pacific/Pago_Pago").id)  # 23:30 on the 1st.

        def on(day: str) -> list[str]:
            return ids(client.get(LIST, {"starts_from": day, "starts_to": day}))

        assert (on("2027-04-30"), on("2027-05-01"), on("2027-05-02")) == ([behind], [late], [ahead])

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("starts_from=tomorrow", "starts_from"),
            ("starts_from=2027-02-30", "starts_from"),
            ("starts_from=2027-05-01T20:00", "starts_from"),
            ("starts_to=9999-12-31", "starts_to"),
            ("starts_to=", "starts_to"),
            ("holder_email=ada", "holder_email"),
            ("holder_email=", "holder_email"),
            ("currency=eur", "currency"),
            ("currency=", "currency"),
            ("limit=0", "limit"),
            ("limit=", "limit"),
            ("limit=1_0", "limit"),
            ("limit=٣", "limit"),
            ("starts_from=٢٠٢٧-05-01", "starts_from"),
            ("limit=1&limit=2", "limit"),
            ("starting_after=7", "starting_after"),
            ("starting_after=", "starting_after"),
            ("starting_after=01a0c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d", "starting_after"),
            ("fields=id,holder", "fields"),
            ("expand=holder", "expand"),
            ("expand=replaces.replaces.replaces", "expand"),
            ("expand=replaces&fields=id", "expand"),
            ("page_size=10", "page_size"),
            ("page=2", "page"),
        ],
    )
    def test_a_wrong_parameter_is_refused_by_name(self, client: APIClient, query: str, name: str) -> None:
        response = client.get(f"{LIST}?{query}")

        assert response.status_code == 400
        assert response.json()["errors"].keys() == {name}

    @pytest.mark.parametrize(
        ("query", "advice"),
        [
            ("status=Issued", "'Issued' is unknown; use one of issued, checked_in, canceled."),
            ("ordering=id", "use one of created_at, -created_at, starts_at"),
            ("starts_from=2027-05-01T20:00:00+02:00", "in a URL, write + as %2B"),
        ],
    )
    def test_a_refusal_says_what_to_write(self, client: APIClient, query: str, advice: str) -> None:
        assert advice in client.get(f"{LIST}?{query}").text

    def test_a_former_parameter_is_refused_with_the_names_of_the_new_ones(self, client: APIClient) -> None:
        [message] = client.get(LIST, {"page_size": 10}).json()["errors"]["page_size"]

        assert {"limit", "starting_after", "ending_before"} <= set(message.replace(",", "").split())


class TestPages:
    @pytest.mark.parametrize("ordering", ["", "title", "-title", "price", "-starts_at", "created_at"])
    def test_following_next_and_then_previous_shows_each_ticket_once(self, client: APIClient, ordering: str) -> None:
        prices = ("2.00", "10.00")
        tickets = [issue(title=title, price=price) for title in "BAB" for price in prices]
        parameters = {"limit": 4, **({"ordering": ordering} if ordering else {})}

        first = client.get(LIST, parameters)
        issue(title="A")  # The newest one; it must not move what follows.
        second = client.get(first.json()["next"])
        back = client.get(second.json()["previous"])

        shown = {*ids(first), *ids(second)}
        assert len(ids(first)) == 4
        assert {str(ticket.id) for ticket in tickets} <= shown
        assert len(ids(first)) + len(ids(second)) == len(shown)
        assert ids(back) == ids(first)
        assert (first.json()["has_more"], second.json()["has_more"]) == (True, False)
        assert (first.json()["previous"], second.json()["next"]) == (None, None)

    def test_a_page_begins_after_a_ticket_that_is_filtered_out_by_now(self, client: APIClient) -> None:
        tickets = Ticket.issue_many([FIELDS] * 4)
        page = client.get(LIST, {"status": "issued", "limit": 2}).json()
        tickets[2].void()  # The last one of the page.

        assert ids(client.get(page["next"])) == [str(tickets[1].id), str(tickets[0].id)]

    def test_equal_tickets_are_ordered_by_id(self, client: APIClient) -> None:
        tickets = [issue(title=title) for title in "BAB"]

        found = ids(client.get(LIST, {"ordering": "title"}))

        assert found == [str(tickets[number].id) for number in (1, 2, 0)]


class TestRepresentation:
    def test_some_members_alone(self, client: APIClient) -> None:
        ticket = issue()

        shown = client.get(f"{LIST}{ticket.id}/", {"fields": "code,id"})
        [listed] = client.get(LIST, {"fields": "code,id"}).json()["results"]

        assert shown.json() == listed == {"id": str(ticket.id), "code": ticket.code}
        assert shown.headers["ETag"] == '"1"'

    def test_linked_tickets_are_shown_two_levels_deep(self, client: APIClient) -> None:
        first = issue()
        second = first.cancel()
        third = second.cancel()

        shown = client.get(f"{LIST}{first.id}/", {"expand": "replacement.replacement"}).json()
        back = client.get(f"{LIST}{third.id}/", {"expand": "replaces.replaces"}).json()
        sibling = client.get(f"{LIST}{second.id}/", {"expand": "replaces,replacement"})

        assert shown["replacement"]["code"] == second.code
        assert shown["replacement"]["replacement"]["code"] == third.code
        assert shown["replacement"]["replacement"]["replaces"] == str(second.id)
        assert back["replaces"]["replaces"]["code"] == first.code
        assert back["replaces"]["replaces"]["replacement"] == str(second.id)
        assert [sibling.json()[name]["code"] for name in ("replaces", "replacement")] == [first.code, third.code]
        assert sibling.headers["ETag"] == '"2-1-2"'

    def test_the_number_of_statements_does_not_depend_on_tickets_and_expansions(self, client: APIClient) -> None:
        def statements(**parameters: Any) -> int:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(LIST, parameters).status_code == 200
            return len(captured)

        replacements = Ticket.cancel_many(Ticket.issue_many([FIELDS]))
        statements()  # The first use of a token is noted.
        few = statements()
        Ticket.cancel_many(Ticket.cancel_many([*replacements, *Ticket.issue_many([FIELDS] * 10)]))

        assert statements(limit=100, expand="replacement.replacement,replaces.replaces,replaces.replacement") == few


class TestConditionalReads:
    def test_a_ticket_that_is_known_is_not_sent_again(self, client: APIClient) -> None:
        ticket = issue()
        address = f"{LIST}{ticket.id}/"
        etag = client.get(address).headers["ETag"]

        same = client.get(address, headers={"If-None-Match": etag})
        ticket.check_in()
        other = client.get(address, headers={"If-None-Match": etag})

        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
        assert (other.status_code, other.headers["ETag"]) == (200, '"2"')

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("address", [LIST, f"{LIST}?expand=replaces", "/api/events/", "/api/schema/"])
    def test_every_representation_has_an_etag_until_it_changes(self, address: str, stream: object) -> None:
        client = client_with("view_ticket", "view_logentry")
        ticket = issue()
        etag = client.get(address).headers["ETag"]

        same = client.get(address, headers={"If-None-Match": f'"other", {etag}'})
        ticket.check_in()

        assert (same.status_code, same.headers["ETag"]) == (304, etag)
        assert client.head(address, headers={"If-None-Match": etag}).status_code == (
            304 if "schema" in address else 200
        )
