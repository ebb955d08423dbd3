"""Test what the server answers for the gate's page; tests/browser shows how it works."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.tickets import issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """A person who may check in, and no more."""
    user = User.objects.create_user("usher")
    user.user_permissions.set(Permission.objects.filter(codename="check_in_ticket"))
    client = Client()
    client.force_login(user)
    return client


def test_the_camera_and_a_worker_are_allowed_on_this_page_alone(client: Client) -> None:
    gate, elsewhere = client.get("/gate/"), client.get("/password/")

    assert (gate.status_code, gate.headers["Permissions-Policy"]) == (200, "camera=(self)")
    assert "worker-src 'self'" in gate.headers["Content-Security-Policy"]
    assert "unsafe" not in gate.headers["Content-Security-Policy"]
    assert "camera=()" in elsewhere.headers["Permissions-Policy"]
    assert "no-store" in gate.headers["Cache-Control"]


def test_it_offers_the_venues_of_these_days(client: Client) -> None:
    now = timezone.now()
    issue(venue="Opera <1>", starts_at=now + timedelta(hours=3))
    issue(venue="Opera <1>", starts_at=now)
    issue(venue="Next week", starts_at=now + timedelta(days=9))

    text = client.get("/gate/").content.decode()

    assert text.count("Opera &lt;1&gt;") == 1
    assert "Next week" not in text


def test_who_may_not_undo_has_no_button_for_it(client: Client) -> None:
    before = client.get("/gate/").content
    User.objects.get().user_permissions.add(Permission.objects.get(codename="undo_check_in_ticket"))

    assert (b'id="undo"' in before, b'id="undo"' in client.get("/gate/").content) == (False, True)


def test_who_may_not_check_in_is_refused(client: Client) -> None:
    User.objects.get().user_permissions.clear()

    assert client.get("/gate/").status_code == 403
    assert Client().get("/gate/").headers["Location"] == "/log-in/?next=/gate/"


def test_the_worker_keeps_the_addresses_below_the_page(client: Client) -> None:
    answer = Client().get("/gate/worker.js")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/javascript")
    assert "Service-Worker-Allowed" not in answer.headers
