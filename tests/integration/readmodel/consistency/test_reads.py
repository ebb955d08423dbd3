"""A search that sends a consistency token shows what the token names, or says that it does not."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import override_settings
from elasticsearch import Elasticsearch
from pytest_django import Settings
from rest_framework.test import APIClient

from events import record, unit_of_work
from events.consistency_token import HEADER, ConsistencyToken, Newest, sign_token, token_of
from events.models import Checkpoint, DeadLetter, LogEntry, Partition, Position, WaitingEntry
from events.stream.interface import Stream
from readmodel.consistency.reads import consistent_reads
from readmodel.consistency.visibility import attempts
from readmodel.index.notes import Target
from readmodel.tickets.documents import TicketDocuments
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.processes import running
from tests.things import ThingMade
from tests.ticket_events import document, ticket, ticket_id
from tests.tickets import FIELDS
from tests.waiting import wait_until
from tickets.events import TicketIssued

PATH = "/api/search/tickets/"
BODY = {**FIELDS, "starts_at": "2027-05-01T22:00:00+02:00", "price": "25.00"}
IMPATIENT = 0.1
"""How many seconds to wait for writes that never arrive."""
THREADS = 4
PAIRS = 100

pytestmark = pytest.mark.django_db


@pytest.fixture
def index(shelf: Shelf, elasticsearch: Elasticsearch) -> Target:
    """An index that is refreshed only on request."""
    elasticsearch.indices.put_settings(index=shelf.target.name, settings={"refresh_interval": "-1"})
    return shelf.target


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient()
    client.force_login(User.objects.create_superuser("reader"))
    return client


def search(api: APIClient, token: str, **parameters: Any) -> Any:
    with transaction.atomic():  # After a 503 the REST framework rolls back the innermost block, not the test.
        return api.get(PATH, parameters, headers={HEADER: token})


def token_for(*numbers: int, version: int = 1) -> str:
    return sign_token(
        ConsistencyToken(events=tuple(Newest("ticket.issued", str(ticket_id(number)), version) for number in numbers))
    )


def refreshes(elasticsearch: Elasticsearch, target: Target) -> int:
    stats = elasticsearch.indices.stats(index=target.name, metric="refresh")
    return int(stats["_all"]["primaries"]["refresh"]["external_total"])


def record_issued(number: int) -> LogEntry:
    """Record the ticket's event, without projecting it."""
    with unit_of_work():
        record(TicketIssued(ticket=ticket(number)))
    return LogEntry.objects.get(subject=str(ticket_id(number)))


def park(entry: LogEntry, target: Target, state: str = "parked") -> DeadLetter:
    return DeadLetter.objects.create(
        group="readmodel",
        target=target.uuid,
        partition=0,
        position=1,
        event_id=entry.event_id,
        type=entry.type,
        subject=entry.subject,
        state=state,
    )


class TestWrittenDocuments:
    def test_a_document_is_shown_although_the_index_was_not_refreshed(
        self, api: APIClient, shelf: Shelf, index: Target
    ) -> None:
        shelf.index.documents(index).write([document(1)])
        assert api.get(PATH).json()["count"] == 0

        assert search(api, token_for(1)).json()["count"] == 1

    def test_the_first_page_of_a_cursor_and_suggestions_show_it_too(
        self, api: APIClient, shelf: Shelf, index: Target
    ) -> None:
        shelf.index.documents(index).write([document(1)])
        assert search(api, token_for(1), cursor="").json()["count"] == 1

        shelf.index.documents(index).write([document(2, title="Zauberflöte")])
        answer = api.get(f"{PATH}suggestions/", {"q": "zau"}, headers={HEADER: token_for(2)})
        assert [suggestion["field"] for suggestion in answer.json()["suggestions"]] == ["title"]

    def test_the_next_page_of_a_cursor_does_not_wait(self, api: APIClient, shelf: Shelf, index: Target) -> None:
        shelf.hold({}, {})
        page = search(api, token_for(1), cursor="", page_size=1).json()

        assert api.get(page["next"], headers={HEADER: token_for(99)}).json()["count"] == 2

    def test_a_repeated_token_needs_no_refresh(
        self, api: APIClient, shelf: Shelf, index: Target, elasticsearch: Elasticsearch
    ) -> None:
        shelf.index.documents(index).write([document(1), document(2)])
        search(api, token_for(1, 2))
        before = refreshes(elasticsearch, index)

        for _ in range(3):
            assert search(api, token_for(1)).json()["count"] == 2
        assert refreshes(elasticsearch, index) == before

    def test_a_newer_version_is_enough_and_an_older_one_is_not(
        self, api: APIClient, shelf: Shelf, index: Target, settings: Settings
    ) -> None:
        shelf.index.documents(index).write([document(1, version=2)])

        assert search(api, token_for(1, version=1)).status_code == 200
        assert search(api, token_for(1, version=2)).status_code == 200
        settings.READMODEL_CONSISTENCY_SECONDS = IMPATIENT
        assert search(api, token_for(1, version=3)).status_code == 503

    def test_aggregates_that_are_not_in_the_read_model_are_ignored(
        self, api: APIClient, index: Target, elasticsearch: Elasticsearch
    ) -> None:
        before = refreshes(elasticsearch, index)

        token = sign_token(ConsistencyToken(events=(Newest("thing.made", "a", 1),)))

        assert search(api, token).status_code == 200
        assert refreshes(elasticsearch, index) == before


class TestLateDocuments:
    def test_a_late_document_is_waited_for(self, api: APIClient, shelf: Shelf, index: Target) -> None:
        def write_once_asked_for() -> None:
            asked = gets(shelf.elasticsearch, index)
            wait_until(lambda: gets(shelf.elasticsearch, index) > asked)
            shelf.index.documents(index).write([document(1)])

        with ThreadPoolExecutor(1) as threads:
            writing = threads.submit(write_once_asked_for)
            answer = search(api, token_for(1))
            writing.result()

        assert (answer.status_code, answer.json()["count"]) == (200, 1)
        assert "Consistency" not in answer.headers

    def test_a_document_that_is_too_late_is_a_503_unless_stale_is_ok(
        self, api: APIClient, shelf: Shelf, index: Target, settings: Settings
    ) -> None:
        settings.READMODEL_CONSISTENCY_SECONDS = IMPATIENT
        shelf.hold({})

        answer = search(api, token_for(1, 2))
        stale = search(api, token_for(1, 2), stale="ok")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["type"] == "urn:problem:consistency-not-reached"
        assert "lacks 1 of 2 events" in answer.json()["detail"]
        assert (stale.status_code, stale.headers["Consistency"], stale.json()["count"]) == (200, "stale", 1)

    @pytest.mark.parametrize("state", ["parked", "queued", "retry", "discarded"])
    def test_a_dead_letter_is_not_waited_for(self, api: APIClient, shelf: Shelf, index: Target, state: str) -> None:
        park(record_issued(1), index, state)

        answer = search(api, token_for(1))

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert answer.json()["type"] == "urn:problem:consistency-event-parked"
        assert f"ticket.issued of {ticket_id(1)} is a dead letter" in answer.json()["detail"]
        assert search(api, token_for(1), stale="ok").headers["Consistency"] == "stale"

    def test_dead_letters_of_other_events_and_targets_do_not_matter(
        self, api: APIClient, shelf: Shelf, index: Target
    ) -> None:
        park(record_issued(1), Target("tickets-000009", "another index"))
        park(record_issued(2), index)
        with override_settings(READMODEL_CONSISTENCY_SECONDS=IMPATIENT):
            assert search(api, token_for(1)).json()["type"] == "urn:problem:consistency-not-reached"

        shelf.index.documents(index).write([document(1)])
        assert search(api, token_for(1)).status_code == 200

    def test_the_number_of_waiting_requests_is_limited(self, api: APIClient, index: Target) -> None:
        reads = consistent_reads(TicketDocuments)
        places = 0
        while reads._places.acquire(blocking=False):
            places += 1
        try:
            assert places == 100
            assert "100 requests are waiting already" in search(api, token_for(1)).json()["detail"]
        finally:
            reads._places.release(places)

    @pytest.mark.django_db(transaction=True)
    def test_a_waiting_request_returns_its_database_connection(self) -> None:
        connection.ensure_connection()
        waiting = attempts(time.monotonic() + 10)
        next(waiting)
        assert connection.connection is not None

        next(waiting)

        assert connection.connection is None

    def test_without_an_index_the_search_is_unavailable(self, api: APIClient, elasticsearch: Elasticsearch) -> None:
        assert search(api, token_for(1)).json()["type"] == "urn:problem:search-unavailable"


def gets(elasticsearch: Elasticsearch, target: Target) -> int:
    return int(elasticsearch.indices.stats(index=target.name, metric="get")["_all"]["primaries"]["get"]["total"])


class TestTheStateOfTheLog:
    """The token of a unit of work with many aggregates names a state of the log instead of documents."""

    @pytest.fixture
    def token(self) -> str:
        with unit_of_work() as collector:
            record(*(ThingMade(name=f"thing-{number}") for number in range(101)))
        return token_of(collector)

    def reach(self, target: Target, position: int) -> None:
        waiting = WaitingEntry.objects.values_list("entry_id", flat=True)
        placed = (Position(entry_id=entry_id, partition=0, position=101, size=1) for entry_id in waiting)
        Position.objects.bulk_create(placed, ignore_conflicts=True)
        Checkpoint.objects.update_or_create(
            group="readmodel", target=target.uuid, partition=0, defaults={"position": position}
        )

    def test_the_checkpoint_of_the_searched_index_decides(
        self, api: APIClient, shelf: Shelf, index: Target, token: str
    ) -> None:
        LogEntry.objects.exclude(subject="thing-100").delete()
        shelf.index.documents(index).write([document(1)])
        with override_settings(READMODEL_CONSISTENCY_SECONDS=IMPATIENT):
            self.reach(Target("tickets-000009", "another index"), 101)
            assert search(api, token).json()["type"] == "urn:problem:consistency-not-reached"
            self.reach(index, 100)
            assert search(api, token).json()["type"] == "urn:problem:consistency-not-reached"

        self.reach(index, 101)

        assert search(api, token).json()["count"] == 1

    def test_after_a_repartitioning_the_whole_log_must_be_handled(
        self, api: APIClient, shelf: Shelf, index: Target, token: str
    ) -> None:
        LogEntry.objects.exclude(subject="thing-100").delete()
        shelf.index.documents(index).write([document(1)])
        self.reach(index, 101)
        Partition.objects.create(number=1, parent=0, last_position=1)
        with override_settings(READMODEL_CONSISTENCY_SECONDS=IMPATIENT):
            assert search(api, token).json()["type"] == "urn:problem:consistency-not-reached"
            WaitingEntry.objects.all().delete()
            Partition.objects.filter(number=0).update(last_position=101)
            assert search(api, token).json()["type"] == "urn:problem:consistency-not-reached"

        Checkpoint.objects.create(group="readmodel", target=index.uuid, partition=1, position=1)

        assert search(api, token).json()["count"] == 1

    def test_a_parked_event_is_missing(self, api: APIClient, index: Target, token: str) -> None:
        LogEntry.objects.exclude(subject="thing-100").delete()
        self.reach(index, 101)
        letter = park(LogEntry.objects.get(), index)

        assert search(api, token).json()["type"] == "urn:problem:consistency-event-parked"
        DeadLetter.objects.filter(id=letter.id).update(state="handled")
        assert search(api, token).status_code == 200


class TestAnAliasThatMoves:
    def test_a_search_is_repeated_if_the_alias_has_moved_meanwhile(self, shelf: Shelf, index: Target) -> None:
        next_index = shelf.index.indices.create_next()
        shelf.index.documents(index).write([document(1)])
        searched = []

        def search_while_the_alias_moves() -> int:
            searched.append(shelf.index.searched().target.name)
            if len(searched) == 1:
                shelf.index.indices.choose(next_index)
                shelf.index.documents(next_index).write([document(1)])
            return int(shelf.elasticsearch.count(index=next_index.name)["count"])

        token = ConsistencyToken(events=(Newest("ticket.issued", str(ticket_id(1)), 1),))

        assert consistent_reads(TicketDocuments).read(token, search_while_the_alias_moves) == 1
        assert searched == [index.name, next_index.name]


@pytest.mark.django_db(transaction=True)
def test_no_search_of_four_busy_clients_misses_what_they_wrote(
    api: APIClient, stream: Stream, elasticsearch: Elasticsearch
) -> None:
    with (
        running("manage.py", "relay_events"),  # If two requests flush at once, one leaves events to the relay.
        running("manage.py", "consume_events", "readmodel", "--consumer", "one"),
    ):
        wait_until(lambda: elasticsearch.indices.exists_alias(name=consistent_reads(TicketDocuments)._index._alias))
        target = consistent_reads(TicketDocuments)._index.searched().target
        elasticsearch.indices.put_settings(index=target.name, settings={"refresh_interval": "-1"})
        user = User.objects.get()
        with ThreadPoolExecutor(THREADS) as threads:
            pairs = [threads.submit(write_and_read, user, PAIRS // THREADS) for _ in range(THREADS)]
        violations = [violation for pair in pairs for violation in pair.result()]

    assert violations == []
    assert LogEntry.objects.count() >= PAIRS


def write_and_read(user: User, count: int) -> list[str]:
    """Issue tickets and cancel them, and search after each write; return the writes that searches did not show."""
    client = APIClient()
    client.force_login(user)
    violations = []
    for number in range(count // 2):
        issued = client.post("/api/tickets/", BODY, format="json")
        ticket = issued.json()
        violations += missing(client, issued, ticket["code"], ("issued", 1), number)
        canceled = client.post(f"/api/tickets/{ticket['id']}/cancel/")
        violations += missing(client, canceled, ticket["code"], ("canceled", 2), number)
    connection.close()
    return violations


def missing(client: APIClient, written: Any, code: str, expected: tuple[str, int], number: int) -> list[str]:
    answer = client.get(PATH, {"q": code}, headers={HEADER: written.headers[HEADER]})
    found = [(hit["status"], hit["version"]) for hit in answer.json().get("results", []) if hit["code"] == code]
    return [] if found == [expected] else [f"{number}: {code} {expected}, but {answer.status_code} {found}"]
