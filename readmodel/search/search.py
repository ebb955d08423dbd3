"""Search the tickets: query in, page out.

In:   what somebody typed, filters, a page or a cursor.
Out:  the tickets that match, in the order asked for, with what matched marked and the facets counted.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from readmodel.search.cursor import Cursor, read, sign
from readmodel.search.facets import Facet, facets_in
from readmodel.search.highlighting import MARK, marked
from readmodel.search.matching import FIELDS
from readmodel.search.query import SearchQuery
from readmodel.search.request_body import page_request, request_for

if TYPE_CHECKING:
    from readmodel.index.document_index import DocumentIndex

KEEP_ALIVE = "2m"


class Hit(msgspec.Struct, frozen=True):
    """A ticket that was found; `highlights` are HTML: the text of a field, escaped, with <mark> around what matched."""

    document: Mapping[str, Any]
    highlights: Mapping[str, Sequence[str]]


class Page(msgspec.Struct, frozen=True):
    """Some of the hits of a search; `count` is the number of all, also of those beyond the last page."""

    query: SearchQuery
    count: int
    hits: Sequence[Hit]
    facets: Mapping[str, Facet] = {}
    next_cursor: str = ""
    """What to continue with, of a search that follows a cursor; empty at its end."""

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


def search(query: SearchQuery) -> Page:
    """Return the page; raise RetryLater if Elasticsearch can't answer, TargetLost if there is no index yet."""
    answer = index().search(page_request(query))
    return Page(query, answer["hits"]["total"]["value"], hits_in(query, answer), facets_in(answer))


def start_search(query: SearchQuery) -> Page:
    """Return the first page of the tickets as they are now, and stay for the next ones; raise as `search`."""
    point_in_time = index().open_point_in_time(KEEP_ALIVE)
    answer = index().search(request_for(query) | at(point_in_time))
    count = answer["hits"]["total"]["value"]
    if count <= query.page_size:
        index().close_point_in_time(point_in_time)
    # The facets are the same on each page: they are counted once.
    later = msgspec.structs.replace(query, facets=[])
    return Page(
        query, count, hits_in(query, answer), facets_in(answer), next_cursor(later, answer, seen=0, count=count)
    )


def continue_search(text: str) -> Page:
    """Return the page that the cursor leads to, the same each time.

    Raise InvalidSearch if it is no cursor, and PointInTimeLost two minutes after the page before.
    """
    cursor = read(text)
    beyond = {"search_after": cursor.after, "track_total_hits": False}
    answer = index().search(request_for(cursor.query) | at(cursor.point_in_time) | beyond)
    following = next_cursor(cursor.query, answer, seen=cursor.seen, count=cursor.count)
    return Page(cursor.query, cursor.count, hits_in(cursor.query, answer), next_cursor=following)


def next_cursor(query: SearchQuery, answer: Mapping[str, Any], *, seen: int, count: int) -> str:
    hits = answer["hits"]["hits"]
    seen += len(hits)
    if not hits or seen >= count:
        return ""
    # Elasticsearch may give the point in time another id with each answer.
    return sign(Cursor(query=query, point_in_time=answer["pit_id"], after=hits[-1]["sort"], seen=seen, count=count))


def at(point_in_time: str) -> dict[str, Any]:
    return {"pit": {"id": point_in_time, "keep_alive": KEEP_ALIVE}}


def hits_in(query: SearchQuery, answer: Mapping[str, Any]) -> list[Hit]:
    return [hit_of(hit["_source"], query) for hit in answer["hits"]["hits"]]


def hit_of(document: Mapping[str, Any], query: SearchQuery) -> Hit:
    if not (query.wants_highlights and query.words):
        return Hit(document, {})
    texts = {name: marked(document[name], query.words) for name in FIELDS}
    return Hit(document, {name: [html] for name, html in texts.items() if MARK in html})


def index() -> "DocumentIndex":
    # Elasticsearch's client takes a second to load, and every command that checks the URLs loads this module.
    from readmodel.index.document_index import shared_index  # noqa: PLC0415

    return shared_index()
