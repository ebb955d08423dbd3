"""Forget a person on real servers: nothing has them afterwards, and everything agrees with the log."""

from collections.abc import Sequence
from contextlib import closing
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events import unit_of_work
from events.envelope import Envelope
from events.log import read_after
from events.models import Forgetting, LogEntry, Partition, Position
from events.stream.interface import Stream
from events.testing import run_until_idle
from readmodel.index.document_index import connect
from readmodel.projection import projections
from readmodel.subscriber import IndexWriter
from tests.forgetting import (
    ADA,
    NAME,
    backup,
    forget,
    issue_tickets,
    lines_of,
    restore,
    traces_in_database,
    traces_in_indices,
    traces_in_stream,
)
from tests.locks import somebody_waits_for_a_lock
from tests.tickets import issue
from tests.waiting import wait_until
from tickets.exceptions import ConcurrentChange
from tickets.models import CheckIn, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def forgotten_file(settings: Settings, tmp_path: Path) -> Path:
    settings.EVENTS_SUBSCRIBERS = {"readmodel": settings.EVENTS_SUBSCRIBERS["readmodel"]}
    settings.EVENTS_FORGOTTEN_FILE = tmp_path / "folder" / "forgotten"
    return settings.EVENTS_FORGOTTEN_FILE


@pytest.fixture
def tickets(stream: Stream, elasticsearch: Elasticsearch) -> list[Ticket]:
    """Ada in every place; the read model has handled everything."""
    found = issue_tickets()
    run_until_idle("readmodel")
    call_command("rebuild_readmodel")  # A further kept index.
    return found


def agrees() -> None:
    """Raise CommandError unless tables, log and all kept indices agree, also for a new index."""
    call_command("verify_log", stdout=StringIO())
    call_command("verify_readmodel", stdout=StringIO())
    call_command("rebuild_readmodel", stdout=StringIO())
    call_command("verify_readmodel", stdout=StringIO())


def test_a_forgotten_person_is_in_no_place(
    tickets: list[Ticket], stream: Stream, elasticsearch: Elasticsearch, settings: Settings, forgotten_file: Path
) -> None:
    places = list(Position.objects.order_by("entry").values_list("entry", "position", "entry__event_id", "entry__time"))
    generation = Partition.objects.get().generation

    said = forget(ADA, "--names", "--rewrite-aof")

    assert traces_in_database() == {"tickets_ticket": ["ada lovelace"], "events_log": ["ada lovelace"]}  # The namesake.
    assert Ticket.objects.filter(holder_name=NAME).values_list("holder_email", flat=True).distinct().get() == (
        "another@example.org"
    )
    assert traces_in_indices(elasticsearch, settings.READMODEL_ALIAS) == ["ada lovelace"]
    assert "example.org" in str(stream._client.xrange(stream.key(0)))
    assert traces_in_stream(stream._client, stream.key(0)) == ["ada lovelace"]
    assert ADA not in said
    assert NAME not in said
    assert "with the person" in said
    assert "Redis rewrites its append-only file now." in said

    stays = Position.objects.order_by("entry").values_list("entry", "position", "entry__event_id", "entry__time")
    assert list(stays[: len(places)]) == places
    sizes = Position.objects.values_list("size", "entry__data")
    assert {size - len(data.encode()) for size, data in sizes} == {0}
    assert Partition.objects.get().generation > generation
    assert set(LogEntry.objects.filter(type="ticket.issued").values_list("schema_version", flat=True)) == {2}
    assert CheckIn.objects.count() == 1
    told = LogEntry.objects.filter(type="ticket.redacted")
    # Hers, the replaced one and its replacement, the one passed on, and the used one; besides one of the namesake's.
    assert told.count() == 5 + 1
    [line] = lines_of(forgotten_file)
    assert Forgetting.objects.get(finished_at__isnull=False).id.hex == line["id"].replace("-", "")
    assert forgotten_file.stat().st_mode & 0o777 == 0o600
    run_until_idle("readmodel")
    agrees()
    call_command("reset_group", "readmodel", to=0, yes=True, stdout=StringIO())
    run_until_idle("readmodel")
    agrees()
    again = forget(ADA)
    assert "nothing of this person" in again
    assert told.count() == 6


def test_what_was_read_before_and_is_written_late_is_refused(
    tickets: list[Ticket], stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    former: Sequence[Envelope] = read_after(0, 0)
    old_entries = stream._client.xrange(stream.key(0))

    forget(ADA, "--names")
    for projection in projections():
        with closing(connect(projection)) as index:
            for documents in index.kept():
                IndexWriter(documents).handle([event for event in former if event.type in index.projection.event_names])

    assert traces_in_indices(elasticsearch, settings.READMODEL_ALIAS) == ["ada lovelace"]  # The namesake.
    stream._client.delete(stream.key(0))
    for entry_id, fields in old_entries:
        stream._client.xadd(stream.key(0), fields, id=entry_id)
    assert [entry.envelope for entry in stream.entries(0, after="0", count=100)] == [None] * len(old_entries)
    stream._client.delete(stream.key(0))
    run_until_idle("readmodel")
    agrees()


def test_documents_of_compacted_events_are_redacted_too(
    stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    ticket = issue(holder_name=NAME, holder_email=ADA)
    ticket.void(reason=f"{NAME} wrote from {ADA}")
    ticket.reinstate()
    run_until_idle("readmodel")
    call_command("compact_events", "--older-than=0m", stdout=StringIO())
    assert not LogEntry.objects.filter(type="ticket.canceled").exists()
    assert traces_in_indices(elasticsearch, settings.READMODEL_ALIAS) == ["ada@example.org", "ada lovelace"]

    forget(ADA)

    assert traces_in_indices(elasticsearch, settings.READMODEL_ALIAS) == []
    call_command("verify_readmodel", stdout=StringIO())


def test_a_cancellation_at_the_same_moment_is_redacted_or_refused(
    stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    """The cancellation holds the row's lock; its replacement, which nobody could find before, is redacted too."""
    ticket = issue(holder_name=NAME, holder_email=ADA)
    run_until_idle("readmodel")
    stale = Ticket.objects.get()
    command = Thread(target=_forget_in_thread)
    with unit_of_work():
        replacement = ticket.cancel()
        command.start()
        wait_until(somebody_waits_for_a_lock)
    command.join()

    assert traces_in_database() == {}
    assert Ticket.objects.get(id=replacement.id).holder_name == "Forgotten person"
    with pytest.raises(ConcurrentChange):
        stale.cancel()
    run_until_idle("readmodel")
    assert traces_in_indices(elasticsearch, settings.READMODEL_ALIAS) == []
    agrees()


def _forget_in_thread() -> None:
    try:
        forget(ADA)
    finally:
        connection.close()


def test_two_runs_at_once_record_one_event_for_each_ticket(stream: Stream, elasticsearch: Elasticsearch) -> None:
    for _ in range(5):
        issue(holder_name=NAME, holder_email=ADA)
    run_until_idle("readmodel")
    runs = [Thread(target=_forget_in_thread) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert traces_in_database() == {}
    assert LogEntry.objects.filter(type="ticket.redacted").count() == 5
    agrees()


def test_a_restored_database_waits_until_its_persons_are_forgotten_again(
    tickets: list[Ticket], stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    before = backup()
    forget(ADA)
    restore(before)

    with pytest.raises(CommandError, match="forget_person --again"):
        call_command("relay_events", once=True)
    said = forget("--again")

    assert "1 forgettings were to be done again; the database had 1 persons." in said
    assert traces_in_database().get("tickets_ticket") == ["ada lovelace"]
    call_command("relay_events", once=True)
