"""Search the tickets.

In:   typed words, filters, and a page number or a cursor.
Out:  a page of the tickets that match, in the requested order, with matches marked and facets counted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from readmodel.index.document_index import shared_index
from readmodel.search import point_in_time
from readmodel.search.cursor import Cursor, read
from readmodel.search.highlighting import MARK, marked
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.search.facets import Facet, facets_in
from readmodel.tickets.search.matching import FIELDS
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.request_body import page_request, request_for


class Hit(msgspec.Struct, frozen=True):
    """A ticket that was found; `highlights` has fields as escaped HTML with <mark> around the matches."""

    document: Mapping[str, Any]
    highlights: Mapping[str, Sequence[str]]


class SearchPage(msgspec.Struct, frozen=True):
    """A page of the hits of a search; `count` is the number of hits on all pages."""

    query: SearchQuery
    count: int
    hits: Sequence[Hit]
    facets: Mapping[str, Facet] = {}
    next_cursor: str = ""
    """The cursor of the next page, if the search follows a cursor; empty on the last page."""

    @property
    def next_page(self) -> int | None:
        is_last = self.query.page * self.query.page_size >= self.count or self.query.page == self.query.last_page
        return None if is_last else self.query.page + 1

    @property
    def is_beyond_the_last(self) -> bool:
        return self.query.page > 1 and not self.hits

    @property
    def previous_page(self) -> int | None:
        return self.query.page - 1 if self.query.page > 1 else None


def search(query: SearchQuery) -> SearchPage:
    """Return a numbered page; raise RetryLater if Elasticsearch can't answer, TargetLost if there is no index yet."""
    answer = shared_index(TicketDocuments).search(page_request(query))
    return SearchPage(query, answer["hits"]["total"]["value"], _hits_in(query, answer), facets_in(query, answer))


def start_search(query: SearchQuery, *, user: str) -> SearchPage:
    """Return the first page of a user's cursor, and keep the index's current state for the next ones.

    Raise like search(), and TooManyCursors.
    """
    # The facets are the same on each page, so only the first page counts them.
    later = msgspec.structs.replace(query, facets=[])
    answer = point_in_time.begin(shared_index(TicketDocuments), request_for(query), later, user=user)
    return SearchPage(
        query, answer.count, _hits_in(query, answer.body), facets_in(query, answer.body), answer.next_cursor
    )


def continue_search(text: str) -> SearchPage:
    """Return the cursor's page, the same each time.

    Raise InvalidSearch if the text is not a cursor, and the errors of point_in_time.resume.
    """
    cursor = read(text, Cursor[SearchQuery])
    answer = point_in_time.resume(shared_index(TicketDocuments), request_for(cursor.query), cursor)
    return SearchPage(cursor.query, answer.count, _hits_in(cursor.query, answer.body), next_cursor=answer.next_cursor)


def _hits_in(query: SearchQuery, answer: Mapping[str, Any]) -> list[Hit]:
    return [_hit_of(hit["_source"], query) for hit in answer["hits"]["hits"]]


def _hit_of(document: Mapping[str, Any], query: SearchQuery) -> Hit:
    if not (query.wants_highlights and query.words):
        return Hit(document, {})
    texts = {name: marked(document[name], query.words) for name in FIELDS}
    return Hit(document, {name: [html] for name, html in texts.items() if MARK in html})
