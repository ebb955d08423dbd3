"""Compare everything at rest: log and tables, stream, documents, webhooks, checkpoints, letters, and what was promised.

`unfinished` yields what may still be on its way, the cheapest first; `wrong` yields what no time heals.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from elasticsearch import ApiError, TransportError

from events.exceptions import EventError
from events.models import Checkpoint, DeadLetter, LogEntry, Partition, Position, WaitingEntry
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.index.notes import Target
from readmodel.projection import VERSION_STEP, projections
from tests.faults.driver.installation import Installation
from tests.faults.driver.known_log import Documents, KnownLog
from tests.faults.driver.load import Promise
from tests.network.gate import SECRET, Call
from tickets.models import Status, Ticket
from tickets.webhooks.signing import signers

MOST_DOCUMENTS = 10_000
MOST_ENTRIES = 1_000_000


class Checker:
    """Compares the installation once all faults have ended and nobody writes any more."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.log = KnownLog()
        self.promises: list[Promise] = []
        self._indices = [connect(projection) for projection in projections()]

    def unfinished(self) -> Iterator[str]:
        """Yield what is not at its end yet."""
        if WaitingEntry.objects.exists():
            yield "events have no position"
        last = dict(Partition.objects.values_list("number", "last_position"))
        for checkpoint in Checkpoint.objects.all():
            if checkpoint.position != last[checkpoint.partition]:
                yield f"{checkpoint.group} {checkpoint.target} is at {checkpoint.position} of {last}"
        yield from _letters()
        self.log.catch_up()
        for partition in last:
            yield from self._stream(partition)
        yield from self._webhooks()
        yield from self._documents()

    def wrong(self) -> Iterator[str]:
        """Yield what is wrong for good."""
        self.log.catch_up()
        yield from self.log.out_of_order
        yield from self._log_and_tables()
        yield from self._promises()
        yield from self._bad_webhooks()
        for divergence in Partition.objects.exclude(divergence="").values_list("divergence", flat=True):
            yield f"the stream has diverged: {divergence}"

    def _stream(self, partition: int) -> Iterator[str]:
        """Compare the stream with the log: from its first entry on it has all of the log's events, and nothing else."""
        try:
            entries = self.installation.stream.entries(partition, after="0", count=MOST_ENTRIES)
        except EventError as error:
            yield f"the stream can't be read: {error}"
            return
        known = self.log.events[partition]
        logged = known[-len(entries) :] if entries else []
        if [entry.envelope for entry in entries] != logged or (known and not entries):
            foreign = [entry.id for entry in entries if entry.envelope is None]
            ends = [entries[0].id, entries[-1].id] if entries else []
            yield f"the stream has {len(entries)} entries {ends}, the log {len(known)} events; foreign: {foreign[:3]}"

    def _webhooks(self) -> Iterator[str]:
        received: dict[UUID, tuple[int, str]] = {}
        for call in list(self.installation.servers.gate.calls):
            data = call.message["data"]
            if "newTicketId" not in data:
                continue  # It says that a corrected ticket is valid.
            received[call.ticket] = max(received.get(call.ticket, (0, "")), (data["version"], data["newTicketId"]))
        for ticket, expected in self.log.voided.items():
            if received.get(ticket) != expected:
                yield f"the receiver knows {received.get(ticket)} of ticket {ticket}, not {expected}"

    def _documents(self) -> Iterator[str]:
        for index in self._indices:
            try:
                yield from self._of_projection(index)
            except (ApiError, TransportError, EventError) as error:
                yield f"the documents of {index.projection.name} can't be read: {error}"

    def _of_projection(self, index: DocumentIndex) -> Iterator[str]:
        expected = self.log.documents[index.projection.name]
        if index.indices.searched() is None:
            yield f"there is no index behind {index.indices.alias}"
        for target in index.indices.kept():
            found = self._stored(target)
            if found != expected:
                yield f"{target.name} differs: {_difference(expected, found)}"
            if not Checkpoint.objects.filter(target=target.uuid).exists():
                yield f"{target.name} has no checkpoint"

    def _stored(self, target: Target) -> Documents:
        client = self.installation.elasticsearch
        client.indices.refresh(index=target.name)
        hits = client.search(index=target.name, size=MOST_DOCUMENTS, version=True)["hits"]["hits"]
        return {hit["_id"]: (hit["_version"] // VERSION_STEP, hit["_source"]) for hit in hits}

    def _log_and_tables(self) -> Iterator[str]:
        """Compare each row with its newest event: neither is without the other."""
        ends = sum(Partition.objects.values_list("last_position", flat=True))
        counted = ends, LogEntry.objects.count(), Position.objects.count()
        if {*counted} != {self.log.size}:
            yield f"ends of the partitions, events, positions: {counted}, but {self.log.size} were read"
        rows = {str(ticket.id): ticket.state() for ticket in Ticket.objects.all()}
        for key in rows.keys() | self.log.newest.keys():
            told = self.log.newest.get(key)
            if (told and told.ticket) != rows.get(key):
                yield f"ticket {key} is {rows.get(key)} in the table, and {told} in the log"

    def _promises(self) -> Iterator[str]:
        tickets = Ticket.objects.in_bulk([promise.ticket for promise in self.promises])
        replacements = dict(Ticket.objects.exclude(replaces=None).values_list("replaces", "id"))
        for promise in self.promises:
            ticket = tickets.get(promise.ticket)
            if ticket is None:
                yield f"ticket {promise.ticket} was answered as {promise.status}, and is lost"
            elif promise.status not in {ticket.status, Status.ISSUED}:
                yield f"ticket {promise.ticket} was answered as {promise.status}, and is {ticket.status}"
            elif promise.replacement and replacements.get(promise.ticket) != promise.replacement:
                yield f"ticket {promise.ticket} has another replacement than the answered one"

    def _bad_webhooks(self) -> Iterator[str]:
        """Find messages without their event or signature, and those of a ticket that first came out of order."""
        newest: dict[UUID, int] = defaultdict(int)
        seen: set[tuple[UUID, int]] = set()
        for call in list(self.installation.servers.gate.calls):
            data = call.message["data"]
            if data["eventId"] not in self.log.ids:
                yield f"the receiver got {data}, which is not in the log"
            if not _is_signed(call):
                yield f"the receiver got {data} with another signature"
            if (call.ticket, data["version"]) not in seen and data["version"] < newest[call.ticket]:
                yield f"version {data['version']} of {call.ticket} came first after version {newest[call.ticket]}"
            seen.add((call.ticket, data["version"]))
            newest[call.ticket] = max(newest[call.ticket], data["version"])


def _letters() -> Iterator[str]:
    for letter in DeadLetter.objects.filter(state__in=DeadLetter.OPEN):
        yield f"open letter of {letter.group}: {letter.type} of {letter.subject}, {letter.state}: {letter.error}"


def _is_signed(call: Call) -> bool:
    """Tell whether the signature is that of the body, at whatever time: the sender's clock may have been moved."""
    at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
    [signer] = signers([SECRET])
    signature = signer.sign(call.headers["webhook-id"], at, call.body.decode())
    return signature in call.headers["webhook-signature"].split(" ")


def _difference(expected: Documents, found: Documents) -> str:
    missing, ghosts = expected.keys() - found.keys(), found.keys() - expected.keys()
    other = {key for key in expected.keys() & found.keys() if expected[key] != found[key]}
    shown: list[Any] = [(key, expected.get(key), found.get(key)) for key in [*missing, *ghosts, *other][:2]]
    return f"{len(missing)} missing, {len(ghosts)} unknown, {len(other)} different; expected and found: {shown}"
