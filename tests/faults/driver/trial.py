"""Try the checker: spoil a finished installation in each way that it must notice, and tell what it did not notice."""

import json
from collections.abc import Callable, Mapping
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from django.conf import settings

from config.engines.postgres import DATABASE
from events.models import Checkpoint, Partition, WaitingEntry
from tests.faults.driver.checker import Checker
from tests.faults.driver.installation import Installation
from tests.faults.driver.load import Promise
from tests.faults.driver.run import Stage
from tests.faults.driver.schedule import Schedule
from tests.network.gate import SECRET
from tickets.models import Status, Ticket
from tickets.webhooks.signing import new_secret, signed_headers, signers

STREAM = "tickets"
SWAPPED = """
CREATE TEMPORARY TABLE two AS SELECT entry_id, position FROM events_position JOIN events_log ON id = entry_id
  WHERE aggregate_version < 3
  AND subject = (SELECT subject FROM events_log WHERE aggregate_version = 2 ORDER BY id LIMIT 1);
UPDATE events_position SET position = position + 1000000 WHERE entry_id IN (SELECT entry_id FROM two);
UPDATE events_position SET position = (SELECT position FROM two WHERE two.entry_id <> events_position.entry_id)
  WHERE entry_id IN (SELECT entry_id FROM two)
"""
LOST = "DELETE FROM events_log WHERE id = (SELECT max(id) FROM events_log)"


class Spoiler:
    """Spoils an installation whose processes have ended, so that nobody repairs it."""

    def __init__(self, installation: Installation, checker: Checker) -> None:
        self.checker = checker
        self.servers = installation.servers
        self.elasticsearch = installation.elasticsearch
        self.valkey = installation.servers.valkey.client
        self.calls = installation.servers.gate.calls

    def document(self) -> Any:
        self.elasticsearch.indices.refresh(index=settings.READMODEL_ALIAS)
        return self.elasticsearch.search(index=settings.READMODEL_ALIAS, size=1, version=True)["hits"]["hits"][0]

    def write(self, document: str, version: int, source: Mapping[str, Any]) -> None:
        self.elasticsearch.index(
            index=settings.READMODEL_ALIAS, id=document, version=version, version_type="external_gte", document=source
        )

    def execute(self, statement: LiteralString, *values: object) -> None:
        """Change tables past all triggers and constraints, as the database's superuser."""
        with psycopg.connect(host=self.servers.database.node.host, user="postgres", dbname=DATABASE) as session:
            session.execute("SET session_replication_role = replica")
            session.execute(statement, values or None)

    def deliver(self, secret: str, **changes: Any) -> None:
        """Let the receiver get its first message again, signed with the secret, with other data."""
        call = self.calls[0]
        message = {**call.message, "data": {**call.message["data"], **changes}}
        body = json.dumps(message).encode()
        headers = {**call.headers, **signed_headers(call.headers["webhook-id"], body, signers([secret]))}
        self.calls.append(call._replace(headers=headers, body=body))


def _lose_a_document(spoiler: Spoiler) -> None:
    spoiler.elasticsearch.delete(index=settings.READMODEL_ALIAS, id=spoiler.document()["_id"])


def _change_a_document(spoiler: Spoiler) -> None:
    found = spoiler.document()
    spoiler.write(found["_id"], found["_version"], {**found["_source"], "title": "Another"})


def _age_a_document(spoiler: Spoiler) -> None:
    found = spoiler.document()
    spoiler.write(found["_id"], found["_version"] + 1_000_000, found["_source"])


def _invent_a_document(spoiler: Spoiler) -> None:
    spoiler.write(str(uuid4()), 1, spoiler.document()["_source"])


def _lose_a_message(spoiler: Spoiler) -> None:
    lost = next(iter(spoiler.checker.log.voided))
    spoiler.calls[:] = [call for call in spoiler.calls if call.ticket != lost]


def _swap_messages(spoiler: Spoiler) -> None:
    spoiler.deliver(SECRET, version=1_002)
    spoiler.deliver(SECRET, version=1_001)


def _lose_the_last_entry(spoiler: Spoiler) -> None:
    [[entry, _]] = spoiler.valkey.xrevrange(STREAM, count=1)
    spoiler.valkey.xdel(STREAM, entry)


def _leave_an_event_waiting(_: Spoiler) -> None:
    WaitingEntry.objects.create(partition=0, entry_id=1)


def _promise_a_lost_ticket(spoiler: Spoiler) -> None:
    spoiler.checker.promises.append(Promise(uuid4(), Status.ISSUED))


def _promise_another_status(spoiler: Spoiler) -> None:
    issued = Ticket.objects.filter(status=Status.ISSUED).values_list("id", flat=True)[0]
    spoiler.checker.promises.append(Promise(issued, Status.CANCELED))


def _promise_another_replacement(spoiler: Spoiler) -> None:
    canceled = Ticket.objects.filter(status=Status.CANCELED).values_list("id", flat=True)[0]
    spoiler.checker.promises.append(Promise(canceled, Status.CANCELED, uuid4()))


def _change_a_row(spoiler: Spoiler) -> None:
    Ticket.objects.filter(id=_ticket()).update(title="Another")


def _lose_a_row(spoiler: Spoiler) -> None:
    spoiler.execute("DELETE FROM tickets_ticket WHERE id = %s", _ticket())


def _ticket() -> UUID:
    return Ticket.objects.order_by("id").values_list("id", flat=True)[0]


SPOILS: Mapping[str, tuple[str, Callable[[Spoiler], object]]] = {
    "a document is lost": ("1 missing", _lose_a_document),
    "a document is changed": ("1 different", _change_a_document),
    "a document has another version": ("different", _age_a_document),
    "a document is invented": ("1 unknown", _invent_a_document),
    "a message is lost": ("the receiver knows None", _lose_a_message),
    "a message is invented": ("not in the log", lambda spoiler: spoiler.deliver(SECRET, eventId=str(uuid4()))),
    "a message has another signature": ("another signature", lambda spoiler: spoiler.deliver(new_secret())),
    "messages come in another order": ("came first after", _swap_messages),
    "the stream lacks its last entry": ("the stream has", _lose_the_last_entry),
    "the stream has a foreign entry": ("foreign: ['", lambda spoiler: spoiler.valkey.xadd(STREAM, {"a": "b"})),
    "an event has no position": ("events have no position", _leave_an_event_waiting),
    "an answered ticket is lost": ("is lost", _promise_a_lost_ticket),
    "an answered ticket has another status": ("was answered as canceled, and is issued", _promise_another_status),
    "an answered ticket has another replacement": ("another replacement", _promise_another_replacement),
    "a checkpoint is behind": (" is at 0 of ", lambda _: Checkpoint.objects.update(position=0)),
    "an index has no checkpoint": ("has no checkpoint", lambda _: Checkpoint.objects.exclude(target="").delete()),
    "the stream has diverged": ("has diverged", lambda _: Partition.objects.update(divergence="It has")),
    "a row is changed": ("in the table", _change_a_row),
    "a row is lost": ("is None in the table", _lose_a_row),
    "events of a ticket have swapped positions": ("follows version", lambda spoiler: spoiler.execute(SWAPPED)),
    "an event is lost": ("events, positions", lambda spoiler: spoiler.execute(LOST)),
}
"""What is spoiled, with a part of the complaint that must follow; no one hides the next."""


def unnoticed(stage: Stage) -> list[str]:
    """Let changes be made without faults, then spoil everything; return what the checker did not notice."""
    if failures := stage.play(Schedule("trial", (), None)).failures:
        return [f"without any fault: {failures}"]
    stage.installation.keeper.close()
    spoiler, missed = Spoiler(stage.installation, stage.checker), []
    before = complaints(stage)
    for name, (expected, spoil) in SPOILS.items():
        spoil(spoiler)
        found = complaints(stage)
        if not any(expected in complaint for complaint in found - before):
            missed.append(name)
        before = found
    return missed


def complaints(stage: Stage) -> set[str]:
    """Return what is found by the checker, and by one that reads the whole log again."""
    checkers = (stage.checker, Checker(stage.installation))
    return {complaint for checker in checkers for complaint in (*checker.unfinished(), *checker.wrong())}
