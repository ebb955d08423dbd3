"""API tokens: who comes in with which, and what is stored and logged of them."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Token
from accounts.tokens.authentication import GUESSES
from accounts.tokens.scopes import BY_PERMISSION, SCOPES
from accounts.tokens.text import is_well_formed, new_text
from tests.tickets import issue

pytestmark = pytest.mark.django_db

LIST = "/api/tickets/"


@pytest.fixture
def ada() -> User:
    """A user with all permissions of the API, who is no superuser."""
    user = User.objects.create_user("ada")
    user.user_permissions.set(
        Permission.objects.filter(codename__in=[name.partition(".")[2] for name in BY_PERMISSION])
    )
    return user


def send(token: str, method: str = "GET", path: str = LIST, *, keyword: str = "Bearer") -> Any:
    return Client().generic(method, path, headers={"Authorization": f"{keyword} {token}"})


def token_of(user: User, **options: Any) -> str:
    return Token.issue(user=user, name="of a test", **options).text


@pytest.mark.parametrize("keyword", ["Bearer", "bearer", "Token"])
def test_a_valid_token_comes_in_and_its_use_is_noted_once_a_minute(ada: User, keyword: str) -> None:
    text = token_of(ada)

    assert send(text, keyword=keyword).status_code == 200
    first = Token.objects.get().last_used_at
    send(text)
    assert Token.objects.get().last_used_at == first
    Token.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    send(text)
    assert Token.objects.get().last_used_at > first


def test_a_use_is_noted_although_its_request_is_rolled_back(ada: User) -> None:
    assert send(token_of(ada), "POST").status_code == 400

    assert Token.objects.get().last_used_at


REFUSED = {
    "unknown": ({}, "This token is not known."),
    "expired": ({"expires_at": timezone.now() - timedelta(seconds=1)}, "This token has expired."),
    "revoked": ({"revoked_at": timezone.now()}, "This token was revoked."),
    "user inactive": ({}, "The user of this token is not active."),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refused_token_is_answered_401_and_logged_without_its_text(
    ada: User, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    text = token_of(ada)
    changes, message = REFUSED[reason]
    Token.objects.update(**changes)
    User.objects.update(is_active=reason != "user inactive")
    caplog.clear()

    response = send(new_text() if reason == "unknown" else text)

    assert (response.status_code, response.json()["detail"]) == (401, message)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    [line] = [record.getMessage() for record in caplog.records if record.name == "security"]
    assert line.startswith("token_refused ")
    assert f'reason="{reason}"' in line
    assert 'address="127.0.0.1"' in line
    assert (f'of="ada" token={Token.objects.get().id} ' in line) is (reason != "unknown")
    assert "tickets_" not in caplog.text


def test_a_request_without_a_token_is_told_how_to_authenticate() -> None:
    response = Client().get(LIST)

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_guesses_of_an_address_are_answered_429_but_valid_tokens_are_not(ada: User) -> None:
    text = token_of(ada)

    answers = [send(new_text()) for _ in range(GUESSES.attempts + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= GUESSES.seconds
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert send(text).status_code == 200


def test_a_text_with_a_wrong_checksum_is_known_not_to_be_a_token() -> None:
    text = new_text()
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")

    assert (is_well_formed(text), is_well_formed(wrong)) == (True, False)


CALLS = {
    "tickets:read": ("GET", LIST),
    "tickets:write": ("POST", LIST),
    "tickets:cancel": ("POST", f"{LIST}{{id}}/cancel/"),
    "tickets:reinstate": ("POST", f"{LIST}{{id}}/reinstate/"),
    "tickets:check-in": ("POST", f"{LIST}{{id}}/check-in/"),
    "tickets:undo-check-in": ("POST", f"{LIST}{{id}}/undo-check-in/"),
    "search": ("GET", "/api/search/tickets/suggestions/?q="),
    "events:read": ("GET", "/api/events/"),
    "metrics:read": ("GET", "/metrics"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_allows_its_call_and_no_other(ada: User, scope: str) -> None:
    ticket = issue()
    allowed, others = token_of(ada, scopes=[scope]), token_of(ada, scopes=set(SCOPES) - {scope})
    method, path = CALLS[scope]

    assert send(allowed, method, path.format(id=ticket.id)).status_code != 403
    assert send(others, method, path.format(id=ticket.id)).status_code == 403


def test_a_scope_gives_no_permission() -> None:
    text = token_of(User.objects.create_user("grace"), scopes=["tickets:read"])

    assert send(text).status_code == 403


class TestAdmin:
    def make(self, maker: User, **data: Any) -> Any:
        client = Client()
        client.force_login(maker)
        return client.post("/admin/accounts/token/add/", {"name": "gate", "scopes": ["tickets:check-in"], **data})

    def staff(self, *permissions: str) -> User:
        user = User.objects.create_user("grace", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        return user

    def test_a_token_is_made_and_shown_once(self) -> None:
        user = self.staff("add_token", "view_token")

        response = self.make(user, expires_at_0="2030-01-01", expires_at_1="00:00")

        [text] = [word for word in response.content.decode().split() if "tickets_" in word]
        token = Token.objects.get()
        assert send(text.removeprefix('id="token">').removesuffix("</pre>")).status_code == 403
        assert (token.user, token.scopes, token.expires_at.year) == (user, ["tickets:check-in"], 2030)
        assert not response.cookies.get("messages")

    def test_an_end_that_has_passed_is_refused_by_field(self) -> None:
        page = self.make(self.staff("add_token", "view_token"), expires_at_0="2020-01-01", expires_at_1="00:00")

        assert "This has passed already" in page.content.decode()
        assert not Token.objects.exists()

    def test_others_tokens_are_a_superuser_s_alone(self, ada: User) -> None:
        grace = self.staff("add_token", "view_token", "change_token")
        token = Token.issue(user=ada, name="of ada")
        self.make(grace, user=ada.id)
        client = Client()
        client.force_login(grace)
        client.post("/admin/accounts/token/", {"action": "revoke_selected", "index": 0, "_selected_action": [token.id]})

        token.refresh_from_db()
        assert not token.revoked_at
        assert [token.user for token in Token.objects.exclude(id=token.id)] == [grace]
        assert "of ada" not in client.get("/admin/accounts/token/").content.decode()

    def test_a_superuser_makes_and_revokes_those_of_others(self, ada: User) -> None:
        root = User.objects.create_superuser("root")
        self.make(root, user=ada.id)
        token = ada.api_tokens.get()
        client = Client()
        client.force_login(root)
        client.post("/admin/accounts/token/", {"action": "revoke_selected", "index": 0, "_selected_action": [token.id]})

        token.refresh_from_db()
        assert token.refusal() == "revoked"


def test_tokens_of_an_earlier_release_go_on_working_and_only_their_hash_is_kept(ada: User) -> None:
    key = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
    with connection.cursor() as cursor:
        time = connection.data_types["DateTimeField"]
        cursor.execute(f"CREATE TABLE authtoken_token (key varchar(40), created {time}, user_id integer)")
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, '2026-01-02 03:04:05.678', %s)", [key, ada.id])
    migration = import_module("accounts.migrations.0002_take_over_tokens")
    migration.take_over(apps, SimpleNamespace(connection=connection))

    assert send(key, keyword="Token").status_code == 200
    assert Token.objects.get().created_at.isoformat() == "2026-01-02T03:04:05.678000+00:00"
    assert "authtoken_token" not in connection.introspection.table_names()
