"""The roles of the killed processes. The process that they are forked from loads this once."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from itertools import count
from threading import Event

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from pathlib import Path
from pkgutil import resolve_name
from uuid import uuid4

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Max

from events import record, unit_of_work
from events.envelope import Envelope
from events.exceptions import RetryLater, VersionTaken
from events.log.partitions import partition_of
from events.models import LogEntry
from events.operations.forgetting import find
from events.subscriber import Subscriber, progress
from readmodel.subscriber import ReadModel
from tests.network.proxy import with_address
from tests.things import ThingMade, ThingMoved
from tickets.exceptions import ConcurrentChange, TransitionRefused
from tickets.models import Status, Ticket

SLOW_SHARE = 0.03
SLOW_SECONDS = 0.7
THINGS = 30
WRITE_PAUSE_SECONDS = 0.005
COMPACTION_PAUSE_SECONDS = 0.1
HANG_SECONDS = 2.0


def play(alias: str, role: Callable[..., None], *arguments: str) -> None:
    """Play a role on the test's own read model."""
    settings.READMODEL_ALIAS = alias
    role(*arguments)


def write() -> None:
    """Change tickets for ever, as web processes do; now and then a transaction is slow."""
    random.seed()
    while True:
        with suppress(ConcurrentChange, TransitionRefused), unit_of_work():
            change_one()
            if random.random() < SLOW_SHARE:
                time.sleep(SLOW_SECONDS)  # The fault itself: it must delay nobody else.
        time.sleep(WRITE_PAUSE_SECONDS)  # The others need the processor too.


def relay() -> None:
    call_command("relay_events")


def consume() -> None:
    call_command("consume_events", "readmodel", consumer="tormented")


def make_things(partitions: str) -> None:
    """Record events for ever, each of a new thing."""
    settings.EVENTS_PARTITIONS = int(partitions)
    while True:
        with unit_of_work():
            record(*(ThingMade(name=f"thing-{uuid4()}") for _ in range(random.randrange(1, 20))))
        time.sleep(0.005)  # A load that the test's consumers can handle.


def move_things(prefix: str) -> None:
    """Change a few things for ever, each event with the thing's next version; now and then a transaction is slow."""
    random.seed()
    while True:
        name = f"{prefix}-{random.randrange(THINGS)}"
        newest = LogEntry.objects.filter(subject=name).aggregate(Max("aggregate_version", default=0))
        with suppress(VersionTaken), unit_of_work():
            record(ThingMoved(name=name, version=newest["aggregate_version__max"] + 1))
            if random.random() < SLOW_SHARE:
                time.sleep(SLOW_SECONDS)
        time.sleep(WRITE_PAUSE_SECONDS)


def keep_versions(name: str, file: str) -> None:
    """Consume in order, and write a journal of the things and versions that were handled."""
    settings.EVENTS_SUBSCRIBERS = {"journal": f"{__name__}.Versions"}
    Versions.file = file
    call_command("consume_events", "journal", consumer=name)


class Versions(Subscriber):
    """Writes a line for each event that it handles: thing and version."""

    ordered = True
    file = ""

    def handle(self, batch: Sequence[Envelope]) -> None:
        with Path(self.file).open("a") as lines:
            lines.writelines(f"{event.subject} {event.aggregate_version}\n" for event in batch)


def repartition(to: str) -> None:
    call_command("repartition_events", "--to", to, "--yes", stdout=StringIO())


def repartition_until_death(to: str, owner: str, method: str) -> None:
    """Repartition, and be killed as soon as a method is called."""
    die_at(owner, method)
    repartition(to)


def keep_journal(name: str, file: str, partitions: str, per_batch: str = "0", per_event: str = "0") -> None:
    """Consume, and write a journal of the handled events; a batch and an event take so many seconds."""
    settings.EVENTS_PARTITIONS = int(partitions)
    Journal.seconds_per_batch, Journal.seconds_per_event = float(per_batch), float(per_event)
    write_journal(name, file)


def keep_journal_of(dsn: str, file: str) -> None:
    """Consume the stream of another DSN, and write a journal; the first failure ends the process."""
    settings.EVENTS_STREAM_URL = dsn
    write_journal("one", file, failure_limit=1)


def write_journal(name: str, file: str, **options: int) -> None:
    settings.EVENTS_SUBSCRIBERS = {"journal": f"{__name__}.Journal"}
    Journal.name, Journal.file = name, file
    call_command("consume_events", "journal", consumer=name, **options)


class Journal(Subscriber):
    """Writes a line for each event that it handles: process, partition, position."""

    name = file = ""
    seconds_per_batch = seconds_per_event = 0.0

    def handle(self, batch: Sequence[Envelope]) -> None:
        with Path(self.file).open("a") as lines:
            lines.writelines(f"{self.name} {partition_of(event.subject)} {event.position}\n" for event in batch)
        time.sleep(self.seconds_per_batch + self.seconds_per_event * len(batch))  # The work of a slow handler.


def keep_journal_without(obstacle: str, name: str, file: str, partitions: str) -> None:
    """Consume as keep_journal does, but the subscriber can't be opened while a file exists."""

    def open_unless_obstructed(_: Journal) -> str:
        if Path(obstacle).exists():
            raise RetryLater(f"{obstacle} is in the way")
        return ""

    setattr(Journal, "open", open_unless_obstructed)  # noqa: B010 (mypy refuses to assign a method)
    keep_journal(name, file, partitions)


class Hanging(Subscriber):
    """Writes the position of each event that it handles; hangs with those that say so, and is slow with others."""

    max_attempts = 2
    file = ""

    def handle(self, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            note = json.loads(envelope.data)["note"]
            if note == "hang":
                Event().wait()
            if note == "slow":
                work_slowly()
            with Path(self.file).open("a") as lines:
                lines.write(f"{envelope.position}\n")


def work_slowly() -> None:
    """Take longer than the hang watch allows, but report progress."""
    for _ in range(round(3 * HANG_SECONDS / 0.2)):
        time.sleep(0.2)  # The work itself.
        progress()


def hang(file: str) -> None:
    """Consume with a handler that hangs with some events."""
    settings.EVENTS_HANDLER_SECONDS = HANG_SECONDS
    settings.EVENTS_SUBSCRIBERS = {"hanging": f"{__name__}.Hanging"}
    Hanging.file = file
    call_command("consume_events", "hanging")


def keep_ledger() -> None:
    """Consume, with effects in our database."""
    settings.EVENTS_SUBSCRIBERS = {"ledger": f"{__name__}.Ledger"}
    call_command("consume_events", "ledger")


def keep_ledger_and_hang() -> None:
    """Consume with a handler that hangs with some events after its effects."""
    settings.EVENTS_HANDLER_SECONDS = HANG_SECONDS
    keep_ledger()


class Ledger(Subscriber):
    """Writes a row for each event into the test's table; after that it hangs with events that say so."""

    transactional = True
    max_attempts = 2

    def handle(self, batch: Sequence[Envelope]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO ledger VALUES (%s)", [[event.id] for event in batch])
        if any('"hang"' in envelope.data for envelope in batch):
            Event().wait()


def rebuild() -> None:
    call_command("rebuild_readmodel")


def die_in_rebuild() -> None:
    """Rebuild, and be killed when the new index is filled, just before searches move to it."""
    die_at("readmodel.index.aliases.Indices", "choose")
    rebuild()


def stop_in_handle() -> None:
    """Consume, and stop this process with SIGSTOP just before it writes the first batch."""
    handle = ReadModel.handle

    def stop(subscriber: ReadModel, batch: Sequence[Envelope]) -> None:
        ReadModel.handle = handle
        os.kill(os.getpid(), signal.SIGSTOP)
        handle(subscriber, batch)

    ReadModel.handle = stop
    call_command("consume_events", "readmodel", consumer="stopped")


def through(address: str, role: str) -> None:
    """Play a role with the stream at another address."""
    at(with_address(settings.EVENTS_STREAM_URL, address), role)


def at(dsn: str, role: str, *arguments: str) -> None:
    """Play a role with the stream of another DSN."""
    settings.EVENTS_STREAM_URL = dsn
    settings.EVENTS_RELAY_INTERVAL_SECONDS = 0.02  # Many round trips, each of which may be harmed.
    settings.EVENTS_FLUSH_TIMEOUT_SECONDS = 0.25  # As in production: a late answer is an error.
    {"write": write, "relay": relay, "consume": consume, "repartition": repartition}[role](*arguments)


def compact() -> None:
    """Compact for ever."""
    declare_only_the_read_model()
    while True:
        with suppress(CommandError):  # Until the consumer has its checkpoint.
            call_command("compact_events", "--older-than=0m", stdout=StringIO())
        time.sleep(COMPACTION_PAUSE_SECONDS)  # An operator's command, not a busy loop beside the writers.


def compact_read_model() -> None:
    """Compact everything that the read model's group has handled."""
    declare_only_the_read_model()
    call_command("compact_events", "--older-than=0m", stdout=StringIO())


def declare_only_the_read_model() -> None:
    """Declare only the group that runs here: compaction would miss the checkpoint of another."""
    settings.EVENTS_SUBSCRIBERS = {"readmodel": settings.EVENTS_SUBSCRIBERS["readmodel"]}


def consume_until_death(owner: str, method: str) -> None:
    """Consume, and be killed as soon as a method is called; `owner` is the dotted path of its class or module."""
    die_at(owner, method)
    consume()


def die_at(owner: str, method: str) -> None:
    def die(*_args: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(resolve_name(owner), method, die)


def forget_until_death(file: str, person: str, owner: str, method: str, calls: str) -> None:
    """Forget a person, one ticket at a time, and be killed at a call of a method, counted from 1."""
    settings.EVENTS_FORGOTTEN_FILE = file
    find.AGGREGATES_AT_ONCE = 1
    original = getattr(resolve_name(owner), method)
    number = count(1)

    def die_in_time(*arguments: object, **options: object) -> object:
        if next(number) == int(calls):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(resolve_name(owner), method, die_in_time)
    call_command("forget_person", person, "--names", "--yes", stdout=StringIO())


def change_one() -> None:
    ticket = Ticket.objects.filter(status=Status.ISSUED).order_by("?").first()
    if ticket is None or random.random() < 0.5:
        issue()
    elif random.random() < 0.5:
        ticket.cancel()
    else:
        ticket.check_in()


def issue() -> None:
    Ticket.issue(
        title="Torment",
        venue="Arena",
        starts_at=datetime(2027, 5, 1, 20, 0, tzinfo=UTC),
        holder_name="Ada",
        holder_email="ada@example.org",
        price=Decimal(10),
        currency="EUR",
    )
