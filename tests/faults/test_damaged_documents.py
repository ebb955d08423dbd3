"""Damage documents by hand while tickets change and a consumer runs: exactly the damage is found and repaired."""

import random
import time
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from elasticsearch import ApiError, Elasticsearch
from pytest_django import Settings

from events import unit_of_work
from events.models import Checkpoint, LogEntry, Partition
from events.stream.interface import Stream
from readmodel.tickets.timeline import Timeline
from tests.damage import Damage
from tests.faults.conftest import Start, kill
from tests.faults.roles import consume, relay, write
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.tickets import FIELDS
from tests.waiting import wait_until
from tickets.models import Ticket

TICKETS = 400
DAMAGED = 60
ROUNDS = 4
FOUND_WITHIN_SECONDS = 60


@pytest.fixture
def damage(elasticsearch: Elasticsearch, settings: Settings) -> Damage:
    return Damage(elasticsearch, settings.READMODEL_ALIAS)


def is_all_handled() -> bool:
    last = Partition.objects.get(number=0).last_position
    has_all = not LogEntry.objects.filter(place=None).exists()
    return has_all and Checkpoint.objects.filter(group="readmodel", position=last).exists()


def differences() -> str:
    """Return the complaint of verify_readmodel, "" if there is none."""
    try:
        call_command("verify_readmodel")
    except CommandError as error:
        return str(error)
    return ""


def test_a_running_consumer_repairs_all_within_a_minute(
    start: Start, stream: Stream, damage: Damage, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    with unit_of_work():
        Ticket.issue_many([FIELDS] * TICKETS)
    start(consume)
    wait_until(is_all_handled)
    wait_until(lambda: len(damage.documents()) == TICKETS)
    before = damage.documents()

    damage_many(damage, sorted(before)[:DAMAGED])
    assert damage.documents() != before
    started = time.monotonic()
    wait_until(lambda: damage.documents() == before, within_seconds=FOUND_WITHIN_SECONDS)

    print(f"{TICKETS} tickets, {DAMAGED} damaged: repaired in {time.monotonic() - started:.1f} s")  # noqa: T201 (pytest -s)
    assert differences() == ""


@pytest.mark.timeout(300)
def test_under_load_exactly_the_damage_is_found_and_repaired(
    start: Start, stream: Stream, damage: Damage, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    writers = [start(write), start(write)]
    for role in (relay, consume):
        start(role)
    wait_until(lambda: Checkpoint.objects.filter(position__gt=200).exists())

    assert [differences() for _ in range(ROUNDS)] == [""] * ROUNDS

    timeline = Damage(elasticsearch, Timeline().alias, field="actor")
    for _ in range(3):
        for damaged in (damage, timeline):
            damage_many(damaged, random.sample(sorted(damaged.documents()), 20))
        call_command("verify_readmodel", "--repair")
    for writer in writers:
        kill(writer)
    wait_until(is_all_handled)
    wait_until(lambda: differences() == "", within_seconds=FOUND_WITHIN_SECONDS)
    print(f"{Ticket.objects.count()} tickets, {LogEntry.objects.count()} events")  # noqa: T201 (pytest -s)
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def damage_many(damage: Damage, keys: list[str]) -> None:
    """Damage the documents in various ways, and invent a few."""
    harms: list[Callable[[str], None]] = list(damage.kinds.values())
    for number, key in enumerate(keys):
        try:
            harms[number % len(harms)](key)
        except ApiError:
            continue  # The consumer or its audit has written the document at the same moment.
    for number in range(5):
        damage.invent(f"ghost {number}", **{damage.field: "Invented"})
