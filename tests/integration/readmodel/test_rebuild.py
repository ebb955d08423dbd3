"""Rebuild an index from the log, move the alias to it, and move the alias back."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.tasks import TaskResultStatus
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.groups.ownership import Ownership
from events.models import Checkpoint
from events.stream.interface import Stream
from readmodel import rebuild
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.subscriber import ReadModel
from readmodel.tasks import rebuild_readmodel
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.timeline import Timeline
from tests.damage import Damage
from tests.documented_json import assert_documented
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


def test_programs_are_told_what_was_built_and_deleted(tickets: list[Ticket], settings: Settings) -> None:
    said = StringIO()

    call_command("rebuild_readmodel", "--keep=0", "--json", stdout=said)

    found = json.loads(said.getvalue())
    assert_documented("rebuild_readmodel", found)
    old, new = (f"{settings.READMODEL_ALIAS}-00000{number}" for number in (1, 2))
    assert (found["projection"], found["built"], found["searched"], found["deleted"]) == ("tickets", new, new, [old])
    assert found["compared"] == 6


def test_a_worker_rebuilds_what_the_admin_has_asked_for(tickets: list[Ticket], ticket_index: DocumentIndex) -> None:
    task = rebuild_readmodel.enqueue("tickets")

    call_command("run_jobs", once=True)

    task.refresh()
    assert task.status == TaskResultStatus.SUCCESSFUL
    assert names(ticket_index) == ["000002", "000001"]


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


def interval(elasticsearch: Elasticsearch, index: str) -> str:
    [found] = elasticsearch.indices.get_settings(index=index, flat_settings=True).values()
    return str(found["settings"]["index.refresh_interval"])


def notes(elasticsearch: Elasticsearch, index: str) -> set[str]:
    """Return what is noted in the index beside its version."""
    [found] = elasticsearch.indices.get_mapping(index=index).values()
    return set(found["mappings"]["_meta"]) - {"projection"}


@pytest.mark.parametrize("moment", ["is_as_current", "the hold itself", "choose"])
def test_an_interrupted_switch_leaves_the_searched_index_as_it_was(
    moment: str,
    tickets: list[Ticket],
    ticket_index: DocumentIndex,
    elasticsearch: Elasticsearch,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    behind = rebuild.begin(ticket_index)

    def interrupt(*_: object) -> bool:
        assert interval(elasticsearch, settings.READMODEL_ALIAS) == "30s"
        raise KeyboardInterrupt

    if moment == "the hold itself":
        hold = ticket_index.indices._upkeep._set_interval
        monkeypatch.setattr(ticket_index.indices._upkeep, "_set_interval", once_then(interrupt, after=hold))
    elif moment == "choose":
        monkeypatch.setattr(rebuild, "_is_as_current", lambda *_: True)
        monkeypatch.setattr(ticket_index.indices, "choose", interrupt)
    else:
        monkeypatch.setattr(rebuild, "_is_as_current", interrupt)

    with pytest.raises(KeyboardInterrupt):
        rebuild.switch(ticket_index, behind)

    assert interval(elasticsearch, settings.READMODEL_ALIAS) == "1s"
    assert notes(elasticsearch, settings.READMODEL_ALIAS) == set()
    assert list(ticket_index.indices.examine()) == []


def once_then(interrupt: Callable[[], object], *, after: Callable[..., None]) -> Callable[..., None]:
    """Interrupt after the first call, not after the next ones."""
    calls: list[object] = []

    def call(*arguments: Any) -> None:
        after(*arguments)
        calls.append(arguments)
        if len(calls) == 1:
            interrupt()

    return call


@pytest.fixture
def left_over(tickets: list[Ticket], ticket_index: DocumentIndex) -> DocumentIndex:
    """An index whose refreshes a rebuild held when it was killed, as long ago as a hold may last."""
    searched = ticket_index.indices.ensure()
    ticket_index.indices._upkeep._set_interval(searched, "30s")
    ticket_index.indices._upkeep.note(searched, {"held_until": time.time() - 1})
    return ticket_index


def test_doctor_names_a_hold_that_a_killed_rebuild_left(left_over: DocumentIndex) -> None:
    [(found, remedy)] = left_over.indices.examine()

    assert found.endswith("-000001 with the refresh interval 30s, not 1s")
    assert remedy.startswith("run manage.py consume_events readmodel")


@pytest.mark.parametrize(
    "undo",
    [ReadModel.open, lambda reader: reader.check({0}), lambda _: run()],
    ids=["the start of a consumer", "its look each second", "a rebuild"],
)
def test_a_hold_that_a_killed_rebuild_left_is_undone(
    undo: Callable[[ReadModel], object],
    tickets: list[Ticket],
    ticket_index: DocumentIndex,
    elasticsearch: Elasticsearch,
    settings: Settings,
) -> None:
    reader = ReadModel()
    reader.open()
    searched = ticket_index.indices.ensure()
    ticket_index.indices._upkeep._set_interval(searched, "30s")
    ticket_index.indices._upkeep.note(searched, {"held_until": time.time() - 1})

    undo(reader)
    reader.settle()

    assert interval(elasticsearch, settings.READMODEL_ALIAS) == "1s"
    assert notes(elasticsearch, settings.READMODEL_ALIAS) == set()
    assert list(ticket_index.indices.examine()) == []
    reader.close()


def test_a_hold_that_an_earlier_release_left_without_a_note_is_undone(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    elasticsearch.indices.put_settings(index=settings.READMODEL_ALIAS, settings={"index.refresh_interval": "30s"})
    assert len(list(ticket_index.indices.examine())) == 1

    ticket_index.indices.ensure()

    assert interval(elasticsearch, settings.READMODEL_ALIAS) == "1s"


def test_a_hold_of_a_rebuild_at_work_stays(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    with ticket_index.indices.refresh_held(ticket_index.indices.ensure()):
        ticket_index.indices.ensure()
        ticket_index.indices.undo_leftovers()

        assert interval(elasticsearch, settings.READMODEL_ALIAS) == "30s"
        assert list(ticket_index.indices.examine()) == []


def test_an_index_that_can_not_be_settled_is_fed_all_the_same(
    left_over: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    elasticsearch.indices.add_block(index=settings.READMODEL_ALIAS, block="read_only")

    kept = left_over.indices.undo_leftovers()
    elasticsearch.indices.put_settings(index=settings.READMODEL_ALIAS, settings={"index.blocks.read_only": None})

    assert [target.name for target in kept] == [f"{settings.READMODEL_ALIAS}-000001"]
    assert "can't be undone" in caplog.text


def test_notes_of_others_stay(left_over: DocumentIndex, elasticsearch: Elasticsearch, settings: Settings) -> None:
    meta = elasticsearch.indices.get_mapping(index=f"{settings.READMODEL_ALIAS}-000001").body
    [found] = meta.values()
    elasticsearch.indices.put_mapping(
        index=settings.READMODEL_ALIAS, meta=found["mappings"]["_meta"] | {"owner": "the box office"}
    )

    left_over.indices.undo_leftovers()

    assert notes(elasticsearch, settings.READMODEL_ALIAS) == {"owner"}


def test_after_a_rollback_the_rejected_index_goes_first(tickets: list[Ticket], ticket_index: DocumentIndex) -> None:
    run()
    run("--rollback")

    said = run()

    assert [line[-len("000002 is deleted") :] for line in said if "deleted" in line] == ["000002 is deleted"]
    assert names(ticket_index) == ["000003", "000001"]


def test_a_rollback_passes_over_a_rejected_index(tickets: list[Ticket], ticket_index: DocumentIndex) -> None:
    run()
    run("--rollback")
    run("--keep=2")
    assert names(ticket_index) == ["000003", "000001", "000002"]

    run("--rollback")

    assert names(ticket_index) == ["000001", "000002", "000003"]


def test_an_index_that_an_older_one_replaced_by_hand_goes_first(
    tickets: list[Ticket], ticket_index: DocumentIndex
) -> None:
    run()
    ticket_index.indices.choose(ticket_index.indices.kept()[1])

    run()

    assert names(ticket_index) == ["000003", "000001"]


def test_a_rejected_index_that_is_chosen_again_is_as_good_as_any(
    tickets: list[Ticket], ticket_index: DocumentIndex
) -> None:
    run()
    run("--rollback")
    run("--keep=2")
    _, _, rejected = ticket_index.indices.kept()
    assert rejected.is_rejected
    ticket_index.indices.choose(rejected)
    assert not any(target.is_rejected for target in ticket_index.indices.kept())

    run()

    assert names(ticket_index) == ["000004", "000002"]


def test_an_index_that_was_never_searched_goes_before_one_that_was(
    tickets: list[Ticket], ticket_index: DocumentIndex, elasticsearch: Elasticsearch
) -> None:
    begun = rebuild.begin(ticket_index)
    elasticsearch.indices.put_mapping(index=begun.name, meta={"projection": "of a release before", "filling": True})

    run()

    assert names(ticket_index) == ["000003", "000001"]


def test_a_rebuild_that_is_killed_when_it_has_changed_the_interval_goes_on(
    tickets: list[Ticket], ticket_index: DocumentIndex
) -> None:
    begun = rebuild.begin(ticket_index)
    ticket_index.indices._upkeep._set_interval(begun, "1s")

    assert run()[0] == f"{begun.name} exists: the rebuild continues"

    assert names(ticket_index) == ["000002", "000001"]
