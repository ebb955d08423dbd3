"""Set up a second factor, log in with it, and do without the phone."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts.log_in.views import HALF_WAY
from accounts.throttling.attempts import BY_SESSION

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
SET_UP = "/second-factor/"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def code() -> str:
    """Return the app's code now, as if the last one had been some time ago."""
    device = TOTPDevice.objects.get()
    TOTPDevice.objects.update(last_t=-1)
    return f"{totp(device.bin_key):06}"


def wrong_code() -> str:
    return f"{(int(code()) + 1) % 1_000_000:06}"


def forget_wrong_codes() -> None:
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)


def at_the_set_up(user: User) -> Client:
    """Log in, and confirm the password."""
    client = Client()
    client.force_login(user)
    client.post(SET_UP, {"password": PASSWORD})
    return client


def set_up(user: User) -> list[str]:
    """Turn the second factor on; return the backup codes."""
    client = at_the_set_up(user)
    client.get(SET_UP)
    page = client.post(SET_UP, {"code": code()}).content.decode()
    return re.findall(r"<li><code>(\w+)</code></li>", page)


def half_way(next_page: str = "/admin/") -> Client:
    client = Client()
    response = client.post("/log-in/", {"username": "ada", "password": PASSWORD, "next": next_page})
    assert response.headers["Location"] == "/log-in/code/"
    return client


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_it_is_on_once_the_app_has_shown_the_right_code(ada: User) -> None:
    client = at_the_set_up(ada)
    page = client.get(SET_UP).content.decode()
    assert "<svg" in page
    assert "style=" not in page

    assert "This code is not right" in client.post(SET_UP, {"code": wrong_code()}).content.decode()
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    forget_wrong_codes()

    assert len(set_up(ada)) == 10
    assert TOTPDevice.objects.get().confirmed


def test_a_session_alone_sets_up_none_and_does_not_see_the_key(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.force_login(ada)
    pages = [client.get(SET_UP), client.post(SET_UP, {"code": "123456"}), client.post(SET_UP, {"password": "guess"})]

    assert [("<svg" in page.content.decode(), page.status_code) for page in pages] == [(False, 200)] * 3
    assert not TOTPDevice.objects.exists()

    client = at_the_set_up(ada)
    assert "<svg" in client.get(SET_UP).content.decode()
    monkeypatch.setattr("accounts.second_factor.views.CONFIRMED_SECONDS", -1)
    assert "<svg" not in client.get(SET_UP).content.decode()


def test_guesses_of_the_password_at_the_set_up_are_limited(ada: User) -> None:
    client = Client()
    client.force_login(ada)

    answers = [client.post(SET_UP, {"password": "guess"}).status_code for _ in range(BY_SESSION.attempts + 1)]

    assert answers == [200] * BY_SESSION.attempts + [429]


def test_the_log_in_asks_for_a_code_and_leads_on(ada: User) -> None:
    set_up(ada)
    client = half_way()
    assert not is_in(client)

    response = client.post("/log-in/code/", {"code": code()})

    assert response.headers["Location"] == "/admin/"
    assert is_in(client)
    assert HALF_WAY not in client.session


def test_each_backup_code_is_good_once(ada: User) -> None:
    backup = set_up(ada)[0]
    first, second = half_way(), half_way()

    first.post("/log-in/code/", {"code": f" {backup.upper()} "})
    second.post("/log-in/code/", {"code": backup})

    assert (is_in(first), is_in(second)) == (True, False)


def test_guesses_of_codes_are_limited(ada: User) -> None:
    set_up(ada)
    client = half_way()
    answers = []
    for _ in range(BY_SESSION.attempts + 1):
        answers.append(client.post("/log-in/code/", {"code": wrong_code()}).status_code)
        forget_wrong_codes()

    assert answers == [200] * BY_SESSION.attempts + [429]
    assert client.post("/log-in/code/", {"code": code()}).status_code == 429


def test_the_way_to_the_code_ends_after_a_while_and_without_a_password_there_is_none(ada: User) -> None:
    set_up(ada)
    client = half_way()
    session = client.session
    session[HALF_WAY] = session[HALF_WAY] | {"at": 0.0}
    session.save()

    for visitor in (client, Client()):
        assert visitor.post("/log-in/code/", {"code": code()}).headers["Location"] == "/log-in/"
        assert not is_in(visitor)


def test_who_has_a_code_turns_it_off_and_a_superuser_for_others(ada: User) -> None:
    set_up(ada)
    client = half_way()
    client.post("/log-in/code/", {"code": code()})
    client.post(SET_UP, {"code": wrong_code()})
    assert TOTPDevice.objects.exists()
    forget_wrong_codes()
    client.post(SET_UP, {"code": code()})
    assert not TOTPDevice.objects.exists()

    set_up(ada)
    action = {"action": "remove_second_factor", "index": 0, "_selected_action": [ada.id]}
    client.post("/admin/auth/user/", action)
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("is_on", [True, False])
def test_staff_can_be_made_to_have_one(ada: User, settings: Settings, is_on: bool) -> None:  # noqa: FBT001 (parametrised)
    settings.SECOND_FACTOR_FOR_STAFF = True
    client = Client()
    client.force_login(ada)
    if is_on:
        set_up(ada)
        assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/log-in/?next=/admin/"
        client = half_way()
        client.post("/log-in/code/", {"code": code()})
    else:
        assert client.get("/admin/", follow=True).redirect_chain[-1][0] == SET_UP
        client.post(SET_UP, {"password": PASSWORD})
        client.get(SET_UP)
        client.post(SET_UP, {"code": code()})

    assert is_in(client)


def test_no_secret_of_it_is_logged_or_shown_in_the_admin(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    backup = set_up(ada)
    client = half_way()
    client.post("/log-in/code/", {"code": backup[0]})

    names = [record.getMessage().partition(" ")[0] for record in caplog.records if record.name == "security"]
    assert "second_factor_on" in names
    assert not [secret for secret in [*backup, TOTPDevice.objects.get().key] if secret in caplog.text]
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404
