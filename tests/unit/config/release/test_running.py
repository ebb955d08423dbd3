"""What the running processes do not know of the new code."""

import pytest
from pytest_django import Settings

from config.release.running import check_events, check_signing_key
from config.release.step import Step
from events.groups.ownership import Ownership
from events.models import Member
from events.relay import signing_keys

pytestmark = pytest.mark.django_db
CONSUMERS_FIRST = (
    "start the new consumers before the new web server and workers: an event of an unknown version holds up a "
    "consumer, and one of an unknown type passes it by"
)


@pytest.fixture
def running() -> Ownership:
    ownership = Ownership("readmodel", "one")
    ownership.join()
    return ownership


def test_consumers_of_the_same_release_know_all_events(running: Ownership) -> None:
    assert Member.objects.get().id == running.member
    assert list(check_events()) == []


def test_a_running_consumer_that_does_not_know_an_event_is_named(running: Ownership) -> None:
    known = Member.objects.get().known_events.replace("ticket.canceled:2", "ticket.canceled:1")
    Member.objects.update(known_events=known)

    found = f"{running.member} of readmodel does not know ticket.canceled:2"
    assert list(check_events()) == [Step("events", found, CONSUMERS_FIRST)]


def test_a_consumer_of_a_release_that_does_not_say_what_it_knows_is_named(running: Ownership) -> None:
    Member.objects.update(known_events="")

    found = f"{running.member} of readmodel is of an earlier release, which does not say which events it knows"
    assert list(check_events()) == [Step("events", found, CONSUMERS_FIRST)]


def test_consumers_that_ended_need_not_know_anything(running: Ownership) -> None:
    Member.objects.update(known_events="")
    running.leave()

    assert list(check_events()) == []


def test_the_first_key_and_one_that_has_signed_are_fine() -> None:
    assert list(check_signing_key()) == []

    signing_keys.register()
    assert list(check_signing_key()) == []


def test_a_key_that_is_to_follow_another_one_must_be_known_to_all_first(settings: Settings) -> None:
    signing_keys.register()
    settings.EVENTS_STREAM_KEYS = ["n" * 40, settings.SECRET_KEY]

    [step] = check_signing_key()

    assert step.do.startswith("let all running processes know it first")
    assert not step.is_survived


def test_a_key_that_follows_none_is_refused_with_the_remedy_of_the_doctor(settings: Settings) -> None:
    signing_keys.register()
    settings.EVENTS_STREAM_KEYS = ["n" * 40]

    [step] = check_signing_key()

    assert (step.do, step.is_survived) == (signing_keys.REMEDY, False)
