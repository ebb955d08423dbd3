"""Log in, be locked out, change the password."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Attempts, Token
from accounts.passwords import hashing
from accounts.throttling import attempts
from accounts.throttling.attempts import BY_ACCOUNT, BY_ACCOUNT_AND_ADDRESS, BY_ADDRESS, BY_SESSION

pytestmark = pytest.mark.django_db

PATH = "/log-in/"
PASSWORD = "correct horse battery"
NEW = "staple and paperclip"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


def log_in(password: str = PASSWORD, *, username: str = "ada", address: str = "10.0.0.1", **more: Any) -> Any:
    client = more.pop("client", None) or Client()
    path = more.pop("path", PATH)
    return client.post(path, {"username": username, "password": password, **more}, REMOTE_ADDR=address)


def is_in(response: Any) -> bool:
    return response.status_code == 302


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/tickets/?a=b&q=%C3%A9", "/tickets/?a=b&q=%C3%A9"),
        ("/admin/", "/admin/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_the_log_in_one_is_where_one_wanted_to_go_on_this_site(ada: User, wanted: str, path: str) -> None:
    assert log_in(next=wanted).headers["Location"] == path


def test_a_person_without_staff_status_is_brought_back_from_the_search_and_to_it(ada: User) -> None:
    client = Client()
    there = client.get("/?q=ottoni&status=issued").headers["Location"]

    assert there == "/log-in/?next=/%3Fq%3Dottoni%26status%3Dissued"
    assert log_in(client=client, path=there, next=client.get(there).context["next"]).headers["Location"] == (
        "/?q=ottoni&status=issued"
    )


def test_the_admin_sends_to_the_log_in_and_one_who_may_not_enter_is_told(ada: User) -> None:
    client = Client()
    client.force_login(ada)

    page = client.get("/admin/", follow=True)

    assert page.redirect_chain[-1] == ("/log-in/?next=/admin/", 302)
    assert "may not open that page" in page.content.decode()


def test_log_out_ends_the_session(ada: User) -> None:
    client = Client()
    client.force_login(ada)

    assert client.get("/log-out/").status_code == 405
    assert client.post("/log-out/").headers["Location"] == PATH
    assert client.get("/").headers["Location"].startswith(PATH)


class TestLockOut:
    def test_an_account_is_locked_for_the_address_alone_and_says_until_when(self, ada: User) -> None:
        wrong = [log_in("wrong") for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts)]
        refused = log_in()

        assert {answer.status_code for answer in wrong} == {200}
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= BY_ACCOUNT_AND_ADDRESS.seconds
        assert "Too many attempts" in refused.content.decode()
        assert log_in(username="ADA").status_code == 429
        assert is_in(log_in(address="10.0.0.2"))

    def test_an_address_is_locked_for_all_accounts(self, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(attempts, "BY_ADDRESS", BY_ADDRESS._replace(attempts=12))
        for number in range(12):
            log_in("wrong", username=f"user-{number}", address=f"2001:db8:1:1::{number}")

        assert log_in(address="2001:db8:1:1::ffff").status_code == 429
        assert is_in(log_in(address="2001:db8:1:2::1"))

    def test_an_account_is_locked_for_new_addresses_but_not_in_its_own_browser(
        self, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempts, "BY_ACCOUNT", BY_ACCOUNT._replace(attempts=12))
        own = Client()
        assert is_in(log_in(client=own))
        for number in range(12):
            log_in("wrong", address=f"10.1.0.{number}")

        assert log_in(address="10.9.9.9").status_code == 429
        assert is_in(log_in(client=own))

    def test_it_ends_by_itself_although_the_guesser_goes_on(self, ada: User) -> None:
        for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts):
            log_in("wrong")
        ends_at = Attempts.objects.order_by("ends_at").first()
        for _ in range(3):
            log_in("wrong")
        assert Attempts.objects.order_by("ends_at").first() == ends_at

        Attempts.objects.update(ends_at=0)

        assert is_in(log_in())

    def test_who_logs_in_is_not_counted(self, ada: User) -> None:
        for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts * 2):
            assert is_in(log_in())
            log_in("wrong")

        assert set(Attempts.objects.values_list("count", flat=True)) == {
            1,
            BY_ACCOUNT_AND_ADDRESS.attempts * 2,
        }

    def test_a_wrong_old_password_is_counted_too(self, ada: User) -> None:
        client = Client()
        client.force_login(ada)
        data = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}

        answers = [client.post("/password/", data).status_code for _ in range(BY_SESSION.attempts + 1)]

        assert answers == [200] * BY_SESSION.attempts + [429]


@pytest.fixture
def all_slots_taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(hashing, "PATIENCE_SECONDS", 0.01)
    for _ in range(hashing.HASHED_AT_ONCE):
        hashing._slots.acquire()
    yield
    for _ in range(hashing.HASHED_AT_ONCE):
        hashing._slots.release()


def test_more_log_ins_than_can_be_hashed_at_once_are_told_to_try_again(ada: User, all_slots_taken: None) -> None:
    refused = log_in()

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, str(hashing.RETRY_AFTER_SECONDS))
    assert set(Attempts.objects.values_list("count", flat=True)) == {0}


class TestPassword:
    def change(self, client: Client, new: str = NEW) -> Any:
        data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        return client.post("/password/", data)

    def test_it_is_changed_and_other_sessions_and_tokens_end(self, ada: User) -> None:
        ours, other = Client(), Client()
        ours.force_login(ada)
        other.force_login(ada)
        token = Token.issue(user=ada, name="of a test")

        assert self.change(ours).headers["Location"] == "/password/changed/"

        assert ours.get("/password/changed/").status_code == 200
        assert other.get("/password/").status_code == 302
        token.refresh_from_db()
        assert token.refusal() == "revoked"

    def test_a_stronger_hash_of_the_same_password_ends_no_token(
        self, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = Token.issue(user=ada, name="of a test")
        monkeypatch.setattr(hashing.PasswordHasher, "iterations", 2)

        assert is_in(log_in())

        token.refresh_from_db()
        assert token.refusal() == ""
        assert hashers.get_hasher().decode(User.objects.get().password)["iterations"] == 2

    def test_it_has_at_least_twelve_characters(self, ada: User) -> None:
        client = Client()
        client.force_login(ada)

        assert "at least 12 characters" in self.change(client, "zwxqvkjhgfd").content.decode()


class TestSecurityLog:
    def lines(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "security"]

    def test_it_has_log_ins_refusals_lock_outs_log_outs_and_new_passwords_without_secrets(
        self, ada: User, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = Client()
        caplog.clear()
        log_in("secret guess")
        log_in("wrong", username="secret typed as a name")
        log_in(client=client)
        client.post("/password/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
        client.post("/log-out/")
        for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts):
            log_in("wrong")
        log_in("wrong")

        lines = self.lines(caplog)
        assert lines[:5] == [
            'log_in_refused by="ada" address="10.0.0.1" account_exists=True',
            'log_in_refused address="10.0.0.1" account_exists=False',
            'log_in by="ada" address="10.0.0.1"',
            'password_changed by="ada" address="127.0.0.1" of="ada"',
            'log_out by="ada" address="127.0.0.1"',
        ]
        assert lines[-1].startswith(
            f'locked_out address="10.0.0.1" account={ada.pk} counted="log-ins of an account from an address"'
        )
        assert "secret" not in caplog.text

    def test_a_lock_out_names_the_account_or_a_hash_of_an_unknown_name(
        self, ada: User, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name in ("ADA", "a secret typed as a name", "another"):
            for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts + 1):
                log_in("wrong", username=name)

        found = re.findall(r"locked_out .* account=(\S+)", "\n".join(self.lines(caplog)))
        assert found[0] == str(ada.pk)
        assert all(re.fullmatch('"[0-9a-f]{16}"', account) for account in found[1:])
        assert len(set(found)) == 3
        assert "secret" not in caplog.text

    def test_a_name_can_t_begin_a_line_of_its_own(self, caplog: pytest.LogCaptureFixture) -> None:
        User.objects.create_user("ada\nlog_in \x1b[2J")
        caplog.clear()

        log_in("wrong", username="ada\nlog_in \x1b[2J")

        [line] = self.lines(caplog)
        assert json.loads(line.partition("by=")[2].partition(" address")[0]) == "ada\nlog_in \x1b[2J"
        assert line.isprintable()
