"""One ticket as the read model has it: its state, its relatives, and all that happened to it.

In:   a ticket's id.
Out:  documents of the tickets and of the timeline.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from events.exceptions import TargetLost
from readmodel.index.document_index import shared_index
from readmodel.projection import Projection
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.timeline import Timeline

MOST_EVENTS = 500
LINKS = ("id", "replaced_by", "replaces")
"""Where the ticket itself, the one that it replaced, and the one that replaces it name the ticket."""

type Document = Mapping[str, Any]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket, None if the read model has it not, and what happened to it, newest first."""

    ticket: Document | None
    replaced: Document | None
    """The ticket that it was issued for."""
    replacement: Document | None
    events: Sequence[Document]


def history_of(ticket_id: UUID) -> History:
    """Return what is known; raise RetryLater if Elasticsearch can't answer, TargetLost if there are no tickets yet."""
    name = str(ticket_id)
    found = documents(TicketDocuments, {"bool": {"should": [{"term": {link: name}} for link in LINKS]}}, sort="id")
    ticket, replaced, replacement = (
        next((document for document in found if document[link] == name), None) for link in LINKS
    )
    return History(ticket=ticket, replaced=replaced, replacement=replacement, events=events_of(ticket_id))


def events_of(ticket_id: UUID) -> Sequence[Document]:
    """Return the timeline, of none as long as there is no index of timelines beside that of the tickets."""
    try:
        return documents(Timeline, {"term": {"ticket": str(ticket_id)}}, sort="-version")
    except TargetLost:
        return []


def documents(projection: type[Projection], clause: Mapping[str, Any], *, sort: str) -> Sequence[Document]:
    order = {sort.removeprefix("-"): "desc" if sort.startswith("-") else "asc"}
    request = {"query": {"bool": {"filter": [clause]}}, "sort": [order], "size": MOST_EVENTS}
    return [hit["_source"] for hit in shared_index(projection).search(request)["hits"]["hits"]]
