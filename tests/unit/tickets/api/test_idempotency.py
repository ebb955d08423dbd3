"""A request with an Idempotency-Key is carried out once; sent again, it gets the same answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from pytest_django import Settings
from rest_framework.test import APIClient

from events.consistency_token import read_token
from events.models import LogEntry
from tests.rest import BODY, LIST, client_with, client_with_all
from tests.tickets import FIELDS, issue, recorded, rows
from tickets.models import KeptAnswer, Ticket

pytestmark = pytest.mark.django_db

KEY = "9b2f0c1e-5a0d-4a52-9d0e-0d6f2f6a7c11"
CALLS: dict[str, tuple[str, str, Any, str]] = {
    "issue": ("post", LIST, BODY, ""),
    "issue many": ("post", LIST, [BODY, BODY], ""),
    "correct": ("patch", f"{LIST}{{id}}/", {"seat": "B"}, ""),
    "cancel": ("post", f"{LIST}{{id}}/cancel/", {"reason": "sold", "holder_name": "Ada"}, ""),
    "void": ("post", f"{LIST}{{id}}/cancel/", {"replace": False}, ""),
    "reinstate": ("post", f"{LIST}{{id}}/reinstate/", {"reason": "by mistake"}, "cancel"),
    "check in": ("post", f"{LIST}{{id}}/check-in/", None, ""),
    "undo check-in": ("post", f"{LIST}{{id}}/undo-check-in/", {}, "check_in"),
}


@pytest.fixture
def client() -> APIClient:
    return client_with_all()


def send(client: APIClient, method: str, path: str, body: Any, key: str = KEY, expected: str = "*") -> Any:
    headers = {"Idempotency-Key": key, "If-Match": expected}
    return getattr(client, method)(path, body, format="json", headers=headers)


def subjects(response: Any) -> set[tuple[str, int]]:
    return {(event.subject, event.version) for event in read_token(response.headers["Consistency-Token"]).events}


class TestRepeated:
    @pytest.mark.parametrize("name", CALLS)
    def test_the_answer_is_the_same_and_nothing_more_changes(self, client: APIClient, name: str) -> None:
        method, path, body, before = CALLS[name]
        ticket = issue()
        if before:
            getattr(ticket, before)()
        path = path.format(id=ticket.id)
        first = send(client, method, path, body)
        state = rows(), recorded()

        again = send(client, method, path, body)

        headers = {"ETag", "Location", "Content-Type"}
        assert first.status_code in {200, 201}
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert {name: again.headers.get(name) for name in headers} == {
            name: first.headers.get(name) for name in headers
        }
        assert subjects(again) == subjects(first)
        assert (again.headers["Idempotent-Replayed"], "Idempotent-Replayed" in first.headers) == ("true", False)
        assert (rows(), recorded()) == state

    def test_the_answer_is_the_same_after_further_changes(self, client: APIClient) -> None:
        ticket = issue()
        first = send(client, "post", f"{LIST}{ticket.id}/cancel/", {})
        ticket.refresh_from_db()
        ticket.reinstate()
        ticket.check_in()

        again = send(client, "post", f"{LIST}{ticket.id}/cancel/", {}, expected='"1"')

        assert (again.status_code, again.content, again.headers["ETag"]) == (200, first.content, '"2"')
        assert "Idempotent-State" not in again.headers

    def test_it_is_the_current_state_if_compaction_has_dropped_the_event(self, client: APIClient) -> None:
        issued = send(client, "post", LIST, BODY)
        Ticket.objects.get().check_in()
        LogEntry.objects.filter(aggregate_version=1).delete()

        again = send(client, "post", LIST, BODY)

        assert (again.status_code, again.json()["status"], again.headers["ETag"]) == (201, "checked_in", '"2"')
        assert again.json()["id"] == issued.json()["id"]
        assert (again.headers["Idempotent-Replayed"], again.headers["Idempotent-State"]) == ("true", "current")

    def test_the_order_of_the_body_s_names_does_not_matter(self, client: APIClient) -> None:
        send(client, "post", LIST, BODY)

        assert send(client, "post", LIST, dict(reversed(BODY.items()))).headers["Idempotent-Replayed"] == "true"

    def test_many_tickets_have_a_token_too(self, client: APIClient) -> None:
        send(client, "post", LIST, [BODY] * 101)

        assert read_token(send(client, "post", LIST, [BODY] * 101).headers["Consistency-Token"]).rows


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "body"), [("issue", {**BODY, "seat": "B"}), ("cancel", {"reason": "sold"}), ("check in", None)]
    )
    def test_another_request_with_the_same_key(self, client: APIClient, name: str, body: Any) -> None:
        send(client, "post", LIST, BODY)
        before = rows(), recorded()
        method, path, *_ = CALLS[name]

        response = send(client, method, path.format(id=Ticket.objects.get().id), body)

        assert (response.status_code, response.json()["type"]) == (422, "urn:problem:idempotency-key-reused")
        assert (rows(), recorded()) == before

    @pytest.mark.parametrize("key", ["", "a" * 256, "a b", "a\tb", "schlüssel", "a, b"])
    def test_a_key_that_is_none(self, client: APIClient, key: str) -> None:
        response = send(client, "post", LIST, BODY, key=key)

        assert (response.status_code, list(response.json()["errors"])) == (400, ["Idempotency-Key"])
        assert rows() == []

    @pytest.mark.parametrize("key", ["a" * 255, "!~", '"quoted"'])
    def test_any_visible_ascii_is_a_key(self, client: APIClient, key: str) -> None:
        assert send(client, "post", LIST, BODY, key=key).status_code == 201

    def test_a_refused_request_is_not_kept(self, client: APIClient) -> None:
        ticket = issue()
        refused = send(client, "post", f"{LIST}{ticket.id}/undo-check-in/", {})
        ticket.check_in()

        carried_out = send(client, "post", f"{LIST}{ticket.id}/undo-check-in/", {})

        assert (refused.status_code, carried_out.status_code) == (409, 200)
        assert "Idempotent-Replayed" not in carried_out.headers

    def test_the_permission_is_checked_again(self, client: APIClient) -> None:
        send(client, "post", LIST, BODY)
        User.objects.get(username__startswith="user-").user_permissions.clear()

        assert send(client, "post", LIST, BODY).status_code == 403

    def test_a_repeated_answer_has_what_the_caller_may_see_now(self, client: APIClient) -> None:
        ticket = issue()
        send(client, "post", f"{LIST}{ticket.id}/check-in/", None)
        user = User.objects.get(username__startswith="user-")
        user.user_permissions.remove(*user.user_permissions.filter(codename="view_ticket"))

        again = send(client, "post", f"{LIST}{ticket.id}/check-in/", None)

        assert again.json() == {"id": str(ticket.id), "status": "checked_in", "version": 2}


class TestKept:
    def test_keys_are_those_of_a_user(self, client: APIClient) -> None:
        first = send(client, "post", LIST, BODY)
        other = send(client_with_all(), "post", LIST, BODY)

        assert (other.status_code, Ticket.objects.count()) == (201, 2)
        assert other.json()["id"] != first.json()["id"]

    def test_a_day_later_it_is_a_new_request(self, client: APIClient) -> None:
        send(client, "post", LIST, BODY)
        KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))

        again = send(client, "post", LIST, BODY)

        assert "Idempotent-Replayed" not in again.headers
        assert (Ticket.objects.count(), KeptAnswer.objects.count()) == (2, 1)

    def test_whoever_adds_one_removes_some_that_have_expired(self, client: APIClient) -> None:
        long_ago = timezone.now() - timedelta(days=2)
        KeptAnswer.objects.bulk_create(
            KeptAnswer(key_digest=str(number), request_digest="", tickets=[], created_at=long_ago)
            for number in range(25)
        )

        counts = []
        for key in "abc":
            send(client, "post", LIST, BODY, key=key)
            counts.append(KeptAnswer.objects.count())

        assert counts == [16, 7, 3]

    def test_nothing_of_the_ticket_is_in_it(self, client: APIClient) -> None:
        send(client, "post", LIST, BODY)

        kept = str(KeptAnswer.objects.values().get())
        assert not any(str(value) in kept for value in FIELDS.values())
        assert KEY not in kept

    def test_a_rotated_secret_key_still_knows_the_request(self, client: APIClient, settings: Settings) -> None:
        send(client, "post", LIST, BODY)
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "b" * 50

        assert send(client, "post", LIST, BODY).headers["Idempotent-Replayed"] == "true"


def test_a_session_has_keys_too() -> None:
    client_with("add_ticket")
    browser = Client()
    browser.force_login(User.objects.get())

    answers = [
        browser.post(LIST, BODY, content_type="application/json", headers={"Idempotency-Key": KEY}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert Ticket.objects.count() == 1


HAVE_NONCES = {"post /api/gate/check-ins/"}
"""Each of their items is known by a nonce, for ever."""


def test_every_unsafe_operation_takes_a_key() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

    without = {
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "get" and "Idempotency-Key" not in {found["name"] for found in operation.get("parameters", ())}
    }
    assert without == HAVE_NONCES
