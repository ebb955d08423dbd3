"""Read the log once, and keep what follows from it: rows of the log never change, so each check reads the new ones."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from events import log
from events.envelope import Envelope
from events.log.partitions import partition_count
from readmodel.projection import VERSION_STEP, projections
from tickets.events import TicketCanceled, TicketCorrected, TicketEvent
from tickets.models import Status

type Documents = dict[str, tuple[int, Any]]
"""The version and the content of each document, by its id."""


class KnownLog:
    """What the readers of the log must have: the newest state of each ticket, in every form."""

    def __init__(self) -> None:
        self.events: dict[int, list[Envelope]] = defaultdict(list)
        """By partition."""
        self.ids: set[str] = set()
        self.newest: dict[str, TicketEvent] = {}
        self.voided: dict[UUID, tuple[int, str]] = {}
        """The version of the newest event that voids a ticket, and the ticket's replacement."""
        self.documents: dict[str, Documents] = defaultdict(dict)
        """By the name of the projection."""
        self.out_of_order: list[str] = []

    def catch_up(self) -> None:
        for partition in range(partition_count()):
            self._catch_up(partition)

    @property
    def size(self) -> int:
        return sum(map(len, self.events.values()))

    def _catch_up(self, partition: int) -> None:
        while batch := log.read_after(partition, len(self.events[partition])):
            for envelope in batch:
                self._add(envelope, self.events[partition])
            for projection in (kind() for kind in projections()):
                for document in projection.project(batch).documents:
                    content = msgspec.to_builtins(document.source)
                    self.documents[projection.name][document.id] = document.version // VERSION_STEP, content

    def _add(self, envelope: Envelope, known: list[Envelope]) -> None:
        before = self.newest.get(envelope.subject)
        self.out_of_order += _disorder(envelope, len(known), before.aggregate_version if before else 0)
        event = envelope.open()
        assert isinstance(event, TicketEvent)
        known.append(envelope)
        self.ids.add(str(envelope.id))
        self.newest[envelope.subject] = event
        if isinstance(event, TicketCanceled | TicketCorrected) and event.ticket.status == Status.CANCELED:
            self.voided[event.ticket.id] = event.aggregate_version, str(event.new_ticket_id)


def _disorder(envelope: Envelope, position: int, version: int) -> Iterator[str]:
    if envelope.position != position + 1:
        yield f"position {envelope.position} follows position {position}"
    if envelope.aggregate_version != version + 1:
        yield f"version {envelope.aggregate_version} of {envelope.subject} follows version {version}"
