"""Pause, resume and stop; tests/integration/events/operations/test_control.py tests them with processes."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from events.consumer.consumer import Consumer
from events.groups.ownership import CONSUMING, PAUSED, RETRYING, STANDING_BY, Condition, Ownership
from events.models import ConsumerGroup, Member
from events.operations.control import GroupRequest, ask, unfinished_members
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.stream.interface import Stream
from tests.things import Recorder

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _groups(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"recorder": "tests.things.Recorder", "other": "tests.things.Recorder"}


def say(command: str, *arguments: str) -> list[str]:
    said = StringIO()
    call_command(command, *arguments, stdout=said)
    return said.getvalue().splitlines()


def member(group: str, state: str) -> Ownership:
    ownership = Ownership(group, "one")
    ownership.condition = Condition(state)
    ownership.heartbeat()
    return ownership


def is_paused() -> dict[str, bool]:
    return dict(ConsumerGroup.objects.values_list("name", "paused"))


def test_one_group_is_paused_and_resumed() -> None:
    member("recorder", CONSUMING)

    assert say("pause_consumers", "recorder") == ["recorder: 1 process asked to pause"]
    assert is_paused() == {"recorder": True}
    assert say("resume_consumers", "recorder") == ["recorder: 1 process asked to resume"]
    assert is_paused() == {"recorder": False}


def test_without_a_name_it_applies_to_all_declared_groups() -> None:
    ConsumerGroup.objects.create(name="of another release")

    assert say("pause_consumers") == ["other: 0 processes asked to pause", "recorder: 0 processes asked to pause"]

    assert is_paused() == {"of another release": False, "other": True, "recorder": True}


@pytest.mark.parametrize("command", ["pause_consumers", "resume_consumers", "stop_consumers"])
def test_an_unknown_group_is_refused_and_no_request_is_sent(command: str) -> None:
    with pytest.raises(CommandError, match="EVENTS_SUBSCRIBERS has no group 'recoder'; known groups: other, recorder"):
        call_command(command, "recorder", "recoder")

    assert not ConsumerGroup.objects.exists()


@pytest.mark.parametrize(
    ("asked", "done"),
    [(GroupRequest.PAUSE, {PAUSED}), (GroupRequest.RESUME, {CONSUMING, STANDING_BY}), (GroupRequest.STOP, set())],
)
def test_unfinished_members_are_living_members_in_another_state(asked: GroupRequest, done: set[str]) -> None:
    members = {state: member("recorder", state).member for state in (CONSUMING, STANDING_BY, PAUSED, RETRYING)}
    dead = member("recorder", CONSUMING)
    Member.objects.filter(id=dead.member).update(seen_until=LONG_AGO, alive_until=LONG_AGO)
    member("other", CONSUMING)
    Member.objects.update(started_at=LONG_AGO)

    ask(asked, ["recorder"])

    late = {members[state] for state in members.keys() - done}
    assert {member.id for member in unfinished_members(asked, ["recorder"])} == late


def test_wait_reports_unfinished_members_with_their_errors() -> None:
    late = member("recorder", RETRYING)
    late.condition = Condition(RETRYING, "RetryLater: it is down")
    late.heartbeat()

    named = f"not all processes are paused after 1 s: recorder {late.member} is retrying after RetryLater: it is down$"
    with pytest.raises(CommandError, match=named):
        say("pause_consumers", "--wait", "1")


def test_a_stop_does_not_apply_to_later_members() -> None:
    old = member("recorder", CONSUMING)
    Member.objects.update(started_at=LONG_AGO)
    say("stop_consumers")
    old.leave()

    fresh = member("recorder", CONSUMING)

    assert not fresh.must_stop
    assert not unfinished_members(GroupRequest.STOP, ["recorder"])


def test_a_consumer_that_is_asked_to_stop_ends(stream: Stream) -> None:
    ownership = Ownership("recorder", "one")
    ownership.heartbeat()
    ConsumerGroup.objects.update(stop_requested_at=timezone.now() + timedelta(seconds=1))
    ownership.heartbeat()

    Consumer(Recorder(), stream, ownership, shutdown=Shutdown(), limits=Limits(block_seconds=0.01)).run()

    assert not Member.objects.exists()
