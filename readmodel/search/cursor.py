"""Sign and read cursors, which say where a search continues: the query, the point in time and the last hit."""

from collections.abc import Sequence

import msgspec
from django.core import signing

from readmodel.exceptions import InvalidSearch

SALT = "readmodel.search.cursor"
MAX_CURSOR_LENGTH = 20_000


class Cursor[Query](msgspec.Struct, frozen=True, kw_only=True):
    """The state that the next page needs."""

    query: Query
    point_in_time: str
    after: Sequence[str | float | None]
    """The sort values of the last hit."""
    seen: int
    count: int
    place: str = ""
    """The user's place that the search takes; empty in cursors of earlier releases."""


def sign[Query](cursor: Cursor[Query]) -> str:
    return signing.dumps(msgspec.to_builtins(cursor), salt=SALT, compress=True)


def read[Query](text: str, cursor_type: type[Cursor[Query]]) -> Cursor[Query]:
    """Return the signed cursor; raise InvalidSearch if the signature or the kind of query is wrong."""
    try:
        return msgspec.convert(signing.loads(text, salt=SALT), cursor_type)
    except (signing.BadSignature, msgspec.ValidationError) as error:
        raise InvalidSearch(
            {"cursor": "This is not a cursor of this service; start again with an empty one."}
        ) from error
