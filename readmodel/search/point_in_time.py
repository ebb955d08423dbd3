"""Page through all hits of a search as they were when it began, however many there are."""

from collections.abc import Mapping
from typing import Any

import msgspec

from readmodel.index.document_index import DocumentIndex
from readmodel.search.cursor import Cursor, sign

KEEP_ALIVE = "2m"


class Answer(msgspec.Struct, frozen=True):
    """Elasticsearch's answer, the number of all hits, and the signed cursor of the next page, "" on the last one."""

    body: Mapping[str, Any]
    count: int
    next_cursor: str


def begin(index: DocumentIndex, request: Mapping[str, Any], query: object) -> Answer:
    """Return the first page, and keep the index's current state for the next ones.

    The query is stored in the cursor, for the request of the next page. Raise the errors of DocumentIndex.search.
    """
    point_in_time = index.open_point_in_time(KEEP_ALIVE)
    body = index.search({**request, **_at(point_in_time)})
    count = body["hits"]["total"]["value"]
    if count <= request["size"]:
        index.close_point_in_time(point_in_time)
    return Answer(body, count, _next_cursor(body, query, seen=0, count=count))


def resume[Query](index: DocumentIndex, request: Mapping[str, Any], cursor: Cursor[Query]) -> Answer:
    """Return the cursor's page, the same each time; raise PointInTimeLost 2 minutes after the page before."""
    beyond = {"search_after": cursor.after, "track_total_hits": False}
    body = index.search({**request, **_at(cursor.point_in_time), **beyond})
    return Answer(body, cursor.count, _next_cursor(body, cursor.query, seen=cursor.seen, count=cursor.count))


def _next_cursor(body: Mapping[str, Any], query: object, *, seen: int, count: int) -> str:
    hits = body["hits"]["hits"]
    seen += len(hits)
    if not hits or seen >= count:
        return ""
    # Elasticsearch may change the id of the point in time with each answer.
    return sign(Cursor(query=query, point_in_time=body["pit_id"], after=hits[-1]["sort"], seen=seen, count=count))


def _at(point_in_time: str) -> dict[str, Any]:
    return {"pit": {"id": point_in_time, "keep_alive": KEEP_ALIVE}}
