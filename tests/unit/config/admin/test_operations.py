"""The operations page: it shows what it can, and each button asks first and needs its permission."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings

from config.admin.operations.buttons import BUTTONS
from events.models import Checkpoint, ConsumerGroup, DeadLetter
from tests.letters import letter, park
from tests.unit.events.admin.test_dead_letters import client_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

PAGE = "/admin/operations/"
VIEW = "view_consumergroup"
PRESSED = {
    "pause": ("groups/things/pause/", "pause_consumergroup", "group_asked_to_pause"),
    "resume": ("groups/things/resume/", "pause_consumergroup", "group_asked_to_resume"),
    "retry": ("groups/things/retry/?type=thing.made&error_type=Unprocessable", "retry_deadletter", "dead_letters_retr"),
    "rebuild": ("projections/tickets/rebuild/", "rebuild_readmodel", "rebuild_requested"),
}


@pytest.fixture(autouse=True)
def _groups(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"things": "tests.letters.Ordered"}


def state() -> list[object]:
    """Return what the buttons could change."""
    paused, states = ConsumerGroup.objects.values_list("paused"), DeadLetter.objects.values_list("state")
    return [list(paused), list(states), DBTaskResult.objects.count()]


def test_the_page_shows_groups_letters_and_what_does_not_answer() -> None:
    park("a", "b")
    Checkpoint.objects.filter(group="things").update(position=1)

    page = client_with(VIEW).get(PAGE)

    assert page.status_code == 200
    assert 'data-group="0:things::lag">1</td>' in page.text
    assert "thing.made" in page.text
    assert "Unprocessable" in page.text
    assert "not known" in page.text  # Elasticsearch does not answer in this tier.
    assert "Pause" not in page.text
    assert "/admin/operations/" in client_with(VIEW, name="other").get("/admin/").text


def test_the_figures_are_those_of_the_status() -> None:
    park("a", "b")

    found = json.loads(client_with(VIEW).get(f"{PAGE}figures/").content)

    [partition] = found["partitions"]
    assert partition["last_position"] == partition["stream_position"] == 2
    assert [(group["group"], group["lag"], group["dead_letters"]) for group in partition["groups"]] == [
        ("things", 0, 2)
    ]
    assert [count["letters"] for count in found["letters"]] == [2]
    assert found["at"] > 0


@pytest.mark.parametrize("name", [button.name for button in BUTTONS])
def test_each_button_asks_first_and_needs_its_permission(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path, permission, line = PRESSED[name]
    park("a")
    ConsumerGroup.objects.update(paused=name == "resume")
    client, others = client_with(VIEW, permission), client_with(VIEW, "view_deadletter", name="others")
    before = state()

    assert client.get(PAGE + path).status_code == 200
    assert others.get(PAGE + path).status_code == others.post(PAGE + path).status_code == 403
    assert state() == before

    assert client.post(PAGE + path).headers["Location"] == PAGE
    assert state() != before
    said = [record.getMessage() for record in caplog.records if record.name == "security"]
    assert [text for text in said if text.startswith(line) and 'by="grace"' in text]


def test_the_buttons_do_what_the_commands_do() -> None:
    park("a", "b")
    client = client_with(VIEW, *(permission for _, permission, _ in PRESSED.values()))
    DeadLetter.objects.filter(position=2).update(error_type="Other")

    client.post(PAGE + PRESSED["retry"][0])
    client.post(PAGE + PRESSED["pause"][0])
    client.post(PAGE + PRESSED["rebuild"][0])

    assert (letter(1).state, letter(2).state) == ("retry", "parked")
    assert ConsumerGroup.objects.get(name="things").paused
    assert DBTaskResult.objects.get().args_kwargs == {"args": ["tickets"], "kwargs": {}}
    client.post(PAGE + PRESSED["resume"][0])
    assert not ConsumerGroup.objects.get(name="things").paused


def test_what_does_not_exist_has_no_page() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))

    for path in ("groups/none/pause/", "groups/none/resume/", "projections/none/rebuild/"):
        assert client.get(PAGE + path).status_code == client.post(PAGE + path).status_code == 404
    assert client_with("view_deadletter").get(PAGE).status_code == 403


def test_the_page_is_read_in_german() -> None:
    client = client_with(VIEW)
    client.cookies["django_language"] = "de"

    with translation.override("de"):
        page = client.get(PAGE).text

    assert "Betrieb" in page
