"""Page through all hits of a search as they were when it began, however many there are."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import msgspec
from msgspec.structs import replace

from readmodel.index.document_index import DocumentIndex
from readmodel.search.cursor import Cursor, sign
from readmodel.search.open_searches import KEEP_ALIVE_SECONDS, give_place_back, keep_place, take_place

KEEP_ALIVE = f"{KEEP_ALIVE_SECONDS}s"


class Answer(msgspec.Struct, frozen=True):
    """Elasticsearch's answer, the number of all hits, and the signed cursor of the next page, "" on the last one."""

    body: Mapping[str, Any]
    count: int
    next_cursor: str


def begin(index: DocumentIndex, request: Mapping[str, Any], query: object, *, user: str) -> Answer:
    """Return the first page, and keep the index's current state for the next ones.

    The query is stored in the cursor, for the request of the next page. Raise TooManyCursors if the user has too many,
    and the errors of DocumentIndex.search.
    """
    place = take_place(user)
    with ExitStack() as on_failure:
        on_failure.callback(give_place_back, place)
        point_in_time = index.open_point_in_time(KEEP_ALIVE)
        on_failure.pop_all()  # From now on something is kept.
    body = index.search({**request, **_at(point_in_time)})
    count = body["hits"]["total"]["value"]
    return _answer(
        index, body, Cursor(query=query, point_in_time=point_in_time, after=[], seen=0, count=count, place=place)
    )


def resume[Query](index: DocumentIndex, request: Mapping[str, Any], cursor: Cursor[Query]) -> Answer:
    """Return the cursor's page, the same each time.

    Raise PointInTimeLost 2 minutes after the page before, and once the last page was read.
    """
    beyond = {"search_after": cursor.after, "track_total_hits": False}
    body = index.search({**request, **_at(cursor.point_in_time), **beyond})
    return _answer(index, body, cursor)


def _answer(index: DocumentIndex, body: Mapping[str, Any], cursor: Cursor[Any]) -> Answer:
    """Return the page with the cursor of the next one; after the last page, let Elasticsearch forget the state."""
    hits = body["hits"]["hits"]
    seen = cursor.seen + len(hits)
    # Elasticsearch may change the id of the point in time with each answer.
    point_in_time = body["pit_id"]
    if not hits or seen >= cursor.count:
        index.close_point_in_time(point_in_time)
        give_place_back(cursor.place)
        return Answer(body, cursor.count, "")
    keep_place(cursor.place)
    following = replace(cursor, point_in_time=point_in_time, after=hits[-1]["sort"], seen=seen)
    return Answer(body, cursor.count, sign(following))


def _at(point_in_time: str) -> dict[str, Any]:
    return {"pit": {"id": point_in_time, "keep_alive": KEEP_ALIVE}}
