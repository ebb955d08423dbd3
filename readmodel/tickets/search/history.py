"""Read one ticket's history: its state, the tickets before and after it, and its events.

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
"""The fields in which the ticket itself, the ticket that it replaced, and its replacement have the ticket's id."""

type _Document = Mapping[str, Any]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket, None if the read model does not have it, and its events, newest first."""

    ticket: _Document | None
    replaced: _Document | None
    """The ticket in place of which this one was issued."""
    replacement: _Document | None
    events: Sequence[_Document]

    @property
    def is_behind(self) -> bool:
        """Tell whether the timeline, which has an index of its own, lacks the ticket's newest event."""
        return bool(self.ticket and self.events and self.events[0]["version"] < self.ticket["version"])


def history_of(ticket_id: UUID) -> History:
    """Return the history; raise RetryLater if Elasticsearch can't answer, TargetLost if there is no index yet."""
    name = str(ticket_id)
    found = _documents(TicketDocuments, {"bool": {"should": [{"term": {link: name}} for link in LINKS]}}, sort="id")
    ticket, replaced, replacement = (
        next((document for document in found if document[link] == name), None) for link in LINKS
    )
    return History(ticket=ticket, replaced=replaced, replacement=replacement, events=_events_of(ticket_id))


def _events_of(ticket_id: UUID) -> Sequence[_Document]:
    """Return the ticket's timeline, empty as long as the timeline has no index."""
    try:
        return _documents(Timeline, {"term": {"ticket": str(ticket_id)}}, sort="-version")
    except TargetLost:
        return []


def _documents(projection: type[Projection], clause: Mapping[str, Any], *, sort: str) -> Sequence[_Document]:
    order = {sort.removeprefix("-"): "desc" if sort.startswith("-") else "asc"}
    request = {"query": {"bool": {"filter": [clause]}}, "sort": [order], "size": MOST_EVENTS}
    return [hit["_source"] for hit in shared_index(projection).search(request)["hits"]["hits"]]
