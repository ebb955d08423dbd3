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
from events.models import Checkpoint, DeadLetter, LogEntry
from events.stream.interface import Stream
from readmodel.consistency.reads import consistent_reads
from readmodel.consistency.visibility import attempts
from readmodel.index.aliases import Target
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
"""Seconds, for what never comes."""
THREADS = 4
PAIRS = 100

pytestmark = pytest.mark.django_db


@pytest.fixture
def index(shelf: Shelf, elasticsearch: Elasticsearch) -> Target:
    """An index that nobody refreshes by the way."""
    elasticsearch.indices.put_settings(index=shelf.target.name, settings={"refresh_interval": "-1"})
    return shelf.target


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient()
    client.force_login(User.objects.create_superuser("reader"))
    return client


def search(api: APIClient, token: str, **parameters: Any) -> Any:
    with transaction.atomic():  # A 503 makes the REST framework give up the transaction that it finds: the test's own.
        return api.get(PATH, parameters, headers={HEADER: token})


def token_for(*numbers: int, version: int = 1) -> str:
    return sign_token(
        ConsistencyToken(events=tuple(Newest("ticket.issued", str(ticket_id(number)), version) for number in numbers))
    )


def refreshes(elasticsearch: Elasticsearch, target: Target) -> int:
    stats = elasticsearch.indices.stats(index=target.name, metric="refresh")
    return int(stats["_all"]["primaries"]["refresh"]["external_total"])


def record_issued(number: int) -> LogEntry:
    """Put the ticket's event into the log, and nowhere else."""
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


class TestWhatIsThere:
    def test_it_is_shown_though_the_index_was_not_refreshed(self, api: APIClient, shelf: Shelf, index: Target) -> None:
        shelf.index.documents(index).write([document(1)])
        assert api.get(PATH).json()["count"] == 0

        assert search(api, token_for(1)).json()["count"] == 1

    def test_so_are_a_cursor_s_first_page_and_suggestions(self, api: APIClient, shelf: Shelf, index: Target) -> None:
        shelf.index.documents(index).write([document(1)])
        assert search(api, token_for(1), cursor="").json()["count"] == 1

        shelf.index.documents(index).write([document(2, title="Zauberflöte")])
        answer = api.get(f"{PATH}suggestions/", {"q": "zau"}, headers={HEADER: token_for(2)})
        assert [suggestion["field"] for suggestion in answer.json()["suggestions"]] == ["title"]

    def test_a_cursor_s_next_page_waits_for_nothing(self, api: APIClient, shelf: Shelf, index: Target) -> None:
        shelf.hold({}, {})
        page = search(api, token_for(1), cursor="", page_size=1).json()

        assert api.get(page["next"], headers={HEADER: token_for(99)}).json()["count"] == 2

    def test_a_token_that_comes_again_refreshes_nothing(
        self, api: APIClient, shelf: Shelf, index: Target, elasticsearch: Elasticsearch
    ) -> None:
        shelf.index.documents(index).write([document(1), document(2)])
        search(api, token_for(1, 2))
        before = refreshes(elasticsearch, index)

        for _ in range(3):
            assert search(api, token_for(1)).json()["count"] == 2
        assert refreshes(elasticsearch, index) == before

    def test_newer_versions_are_as_good_and_older_ones_are_not(
        self, api: APIClient, shelf: Shelf, index: Target, settings: Settings
    ) -> None:
        shelf.index.documents(index).write([document(1, version=2)])

        assert search(api, token_for(1, version=1)).status_code == 200
        assert search(api, token_for(1, version=2)).status_code == 200
        settings.READMODEL_CONSISTENCY_SECONDS = IMPATIENT
        assert search(api, token_for(1, version=3)).status_code == 503

    def test_aggregates_that_are_not_in_the_read_model_are_passed_over(
        self, api: APIClient, index: Target, elasticsearch: Elasticsearch
    ) -> None:
        before = refreshes(elasticsearch, index)

        token = sign_token(ConsistencyToken(events=(Newest("thing.made", "a", 1),)))

        assert search(api, token).status_code == 200
        assert refreshes(elasticsearch, index) == before


class TestWhatIsLate:
    def test_it_is_waited_for(self, api: APIClient, shelf: Shelf, index: Target) -> None:
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

    def test_what_does_not_come_in_time_is_a_problem_unless_what_is_stale_will_do(
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

    def test_dead_letters_of_others_are_not_to_blame(self, api: APIClient, shelf: Shelf, index: Target) -> None:
        park(record_issued(1), Target("tickets-000009", "another index"))
        park(record_issued(2), index)
        with override_settings(READMODEL_CONSISTENCY_SECONDS=IMPATIENT):
            assert search(api, token_for(1)).json()["type"] == "urn:problem:consistency-not-reached"

        shelf.index.documents(index).write([document(1)])
        assert search(api, token_for(1)).status_code == 200

    def test_only_so_many_wait(self, api: APIClient, index: Target) -> None:
        reads = consistent_reads(TicketDocuments)
        places = 0
        while reads._places.acquire(blocking=False):
            places += 1
        try:
            assert places == 100
            assert "100 requests wait already" in search(api, token_for(1)).json()["detail"]
        finally:
            reads._places.release(places)

    @pytest.mark.django_db(transaction=True)
    def test_who_pauses_leaves_the_database_to_others(self) -> None:
        connection.ensure_connection()
        waiting = attempts(time.monotonic() + 10)
        next(waiting)
        assert connection.connection is not None

        next(waiting)

        assert connection.connection is None

    def test_no_index_is_the_search_s_own_problem(self, api: APIClient, elasticsearch: Elasticsearch) -> None:
        assert search(api, token_for(1)).json()["type"] == "urn:problem:search-unavailable"


def gets(elasticsearch: Elasticsearch, target: Target) -> int:
    return int(elasticsearch.indices.stats(index=target.name, metric="get")["_all"]["primaries"]["get"]["total"])


class TestTheStateOfTheLog:
    """A unit of too many aggregates names no documents."""

    @pytest.fixture
    def token(self) -> str:
        with unit_of_work() as collector:
            record(*(ThingMade(name=f"thing-{number}") for number in range(101)))
        return token_of(collector)

    def reach(self, target: Target, position: int) -> None:
        LogEntry.objects.filter(position=None).update(position=101)
        Checkpoint.objects.update_or_create(
            group="readmodel", target=target.uuid, partition=0, defaults={"position": position}
        )

    def test_it_is_reached_by_the_checkpoint_of_the_searched_index(
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

    def test_what_of_it_is_parked_is_missing(self, api: APIClient, index: Target, token: str) -> None:
        LogEntry.objects.exclude(subject="thing-100").delete()
        self.reach(index, 101)
        letter = park(LogEntry.objects.get(), index)

        assert search(api, token).json()["type"] == "urn:problem:consistency-event-parked"
        DeadLetter.objects.filter(id=letter.id).update(state="handled")
        assert search(api, token).status_code == 200


class TestAnAliasThatMoves:
    def test_a_search_in_an_index_that_lacks_it_is_made_again(self, shelf: Shelf, index: Target) -> None:
        next_index = shelf.index.indices.create_next()
        shelf.index.documents(index).write([document(1)])
        searched = []

        def search_while_the_alias_moves() -> int:
            searched.append(shelf.index.searched().name)
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
        running("manage.py", "relay_events"),  # Of two flushes at once, one may leave its events over.
        running("manage.py", "consume_events", "readmodel", "--consumer", "one"),
    ):
        wait_until(lambda: elasticsearch.indices.exists_alias(name=consistent_reads(TicketDocuments)._index._alias))
        target = consistent_reads(TicketDocuments)._index.searched()
        elasticsearch.indices.put_settings(index=target.name, settings={"refresh_interval": "-1"})
        user = User.objects.get()
        with ThreadPoolExecutor(THREADS) as threads:
            pairs = [threads.submit(write_and_read, user, PAIRS // THREADS) for _ in range(THREADS)]
        violations = [violation for pair in pairs for violation in pair.result()]

    assert violations == []
    assert LogEntry.objects.count() >= PAIRS
    assert refreshes(elasticsearch, target) <= PAIRS + 5


def write_and_read(user: User, count: int) -> list[str]:
    """Issue a ticket and cancel it, and search after each; return what the searches did not show."""
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
