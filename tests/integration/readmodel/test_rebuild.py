"""Rebuild an index from the log, move the alias to it, and move the alias back."""

from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.groups.ownership import Ownership
from events.models import Checkpoint
from events.stream.interface import Stream
from readmodel import rebuild
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.timeline import Timeline
from tests.damage import Damage
from tests.faults.roles import issue
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tickets(stream: Stream, elasticsearch: Elasticsearch) -> list[Ticket]:
    """Three tickets in the read model, one of them canceled."""
    for _ in range(2):
        issue()
    Ticket.objects.earliest("id").cancel()
    call_command("consume_events", "readmodel", until_idle=True)
    return list(Ticket.objects.all())


def run(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("rebuild_readmodel", *arguments, stdout=out)
    return out.getvalue().splitlines()


def names(index: DocumentIndex) -> list[str]:
    """Return the numbers of the kept indices, the searched one first."""
    return [target.name.rpartition("-")[2] for target in index.indices.kept()]


def test_the_alias_moves_to_the_new_index(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    said = run()

    alias = settings.READMODEL_ALIAS
    assert said == [
        f"{alias}-000002 is created",
        f"{alias}-000002 agrees with the log: 6 comparisons",
        f"{alias}-000002 is searched now",
    ]
    assert names(ticket_index) == ["000002", "000001"]
    assert_the_read_model_equals_the_tickets(elasticsearch, alias)
    interval = elasticsearch.indices.get_settings(index=alias, name="index.refresh_interval", flat_settings=True)
    assert interval[f"{alias}-000002"]["settings"] == {"index.refresh_interval": "1s"}


def test_both_indices_are_fed_and_the_alias_can_move_back(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    run()
    issue()
    call_command("consume_events", "readmodel", until_idle=True)

    run("--rollback")

    assert names(ticket_index) == ["000001", "000002"]
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def test_only_the_given_number_of_indices_is_kept(tickets: list[Ticket], ticket_index: DocumentIndex) -> None:
    run()
    assert run("--keep=1")[-1].endswith("-000001 is deleted")
    assert names(ticket_index) == ["000003", "000002"]

    run("--keep=0")
    assert names(ticket_index) == ["000004"]

    targets = {target.uuid for target in ticket_index.indices.kept()}
    kept = Checkpoint.objects.filter(group="readmodel").values_list("target", flat=True)
    assert targets < set(kept)
    assert len(set(kept)) == 2  # The other index is the timeline's.


def test_the_timeline_is_rebuilt_alone(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch
) -> None:
    assert run("timeline")[1] == f"{Timeline().alias}-000002 agrees with the log: 8 comparisons"

    assert names(ticket_index) == ["000001"]
    assert elasticsearch.count(index=Timeline().alias)["count"] == 4


def test_drop_deletes_all_but_the_searched_index(tickets: list[Ticket], ticket_index: DocumentIndex) -> None:
    run()
    run("--drop")

    assert names(ticket_index) == ["000002"]
    with pytest.raises(CommandError, match="there is no index before .*-000002"):
        run("--rollback")


def test_an_interrupted_rebuild_is_continued(tickets: list[Ticket], ticket_index: DocumentIndex) -> None:
    begun = rebuild.begin(ticket_index)

    assert run()[0] == f"{begun.name} exists: the rebuild continues"

    assert names(ticket_index) == ["000002", "000001"]


def test_a_consumer_that_was_killed_just_now_is_not_waited_for(
    tickets: list[Ticket], ticket_index: DocumentIndex
) -> None:
    killed = Ownership("readmodel", "killed")
    killed.heartbeat()
    assert killed.acquire(0)

    assert run()[-1].endswith("-000002 is searched now")


def test_the_alias_does_not_move_to_an_index_that_differs_from_the_log(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch
) -> None:
    begun = rebuild.begin(ticket_index)
    ticket = {"id": "ghost", "version": 1}
    elasticsearch.index(index=begun.name, id="ghost", document=ticket)

    with pytest.raises(CommandError, match=r"-000002 differs from the log \(ghost is .*\), so the alias was not moved"):
        run()

    assert names(ticket_index) == ["000001", "000002"]


@pytest.mark.parametrize("kind", ["missing", "stale", "altered", "lifted"])
def test_a_document_that_differs_from_the_log_is_found_before_the_switch(
    kind: str, tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    harmed = str(tickets[0].id)
    Damage(elasticsearch, settings.READMODEL_ALIAS).kinds[kind](harmed)

    with pytest.raises(rebuild.RebuildRefused, match=f"{harmed} is {kind}"):
        list(rebuild.prove(ticket_index, ticket_index.indices.kept()[0]))


def test_the_alias_does_not_move_to_a_timeline_that_differs_from_the_log(
    tickets: list[Ticket], elasticsearch: Elasticsearch
) -> None:
    with closing(connect(Timeline)) as index:
        begun = rebuild.begin(index)
        elasticsearch.index(index=begun.name, id="ghost", document={"event": "ghost", "version": 1})

        with pytest.raises(
            CommandError, match=r"-000002 differs from the log \(ghost is ghost\), so the alias was not moved"
        ):
            run("timeline")

        assert names(index) == ["000001", "000002"]


def test_a_rebuild_that_was_killed_just_now_is_waited_for_and_continued(
    tickets: list[Ticket], ticket_index: DocumentIndex
) -> None:
    begun = rebuild.begin(ticket_index)
    killed = Ownership("rebuild tickets", "killed")
    killed.heartbeat()
    assert killed.acquire(0)

    said = run()

    assert said[0] == f"{begun.name} exists: the rebuild continues"
    assert said[-1] == f"{begun.name} is searched now"


def test_a_second_rebuild_is_refused_while_the_first_one_lives(
    tickets: list[Ticket], ticket_index: DocumentIndex
) -> None:
    refused = pytest.raises(CommandError, match="another process is rebuilding tickets: run")
    with rebuild.only_one(TicketDocuments), refused:
        run()

    assert names(ticket_index) == ["000001"]


def test_the_alias_does_not_move_to_an_index_that_does_not_catch_up(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    behind = rebuild.begin(ticket_index)

    with pytest.raises(rebuild.RebuildRefused, match="does not catch up"):
        rebuild.switch(ticket_index, behind, patience_seconds=0.2)

    assert names(ticket_index) == ["000001", "000002"]
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
