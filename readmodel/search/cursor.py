"""Where a search goes on: the query, the point in time and the last hit, signed, so that nobody makes one up."""

from collections.abc import Sequence

import msgspec
from django.core import signing

from readmodel.exceptions import InvalidSearch

SALT = "readmodel.search.cursor"
MAX_CURSOR_LENGTH = 20_000


class Cursor[Query](msgspec.Struct, frozen=True, kw_only=True):
    """What the next page needs to know."""

    query: Query
    point_in_time: str
    after: Sequence[str | float | None]
    """What the last hit was sorted by."""
    seen: int
    count: int


def sign[Query](cursor: Cursor[Query]) -> str:
    return signing.dumps(msgspec.to_builtins(cursor), salt=SALT, compress=True)


def read[Query](text: str, cursor_type: type[Cursor[Query]]) -> Cursor[Query]:
    """Return the cursor that was signed; raise InvalidSearch if it was not, or was signed for another kind of query."""
    try:
        return msgspec.convert(signing.loads(text, salt=SALT), cursor_type)
    except (signing.BadSignature, msgspec.ValidationError) as error:
        raise InvalidSearch({"cursor": "This is not a cursor of ours; start again with an empty one."}) from error
