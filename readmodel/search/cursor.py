"""Where a search goes on: the query, the point in time and the last hit, signed, so that nobody makes one up."""

from collections.abc import Sequence

import msgspec
from django.core import signing

from readmodel.exceptions import InvalidSearch
from readmodel.search.query import SearchQuery

SALT = "readmodel.search.cursor"
MAX_CURSOR_LENGTH = 20_000


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What the next page needs to know."""

    query: SearchQuery
    point_in_time: str
    after: Sequence[str | float | None]
    """What the last hit was sorted by."""
    seen: int
    count: int


def sign(cursor: Cursor) -> str:
    return signing.dumps(msgspec.to_builtins(cursor), salt=SALT, compress=True)


def read(text: str) -> Cursor:
    """Return the cursor that was signed; raise InvalidSearch if it was not, or was by a release that meant others."""
    try:
        return msgspec.convert(signing.loads(text, salt=SALT), Cursor)
    except (signing.BadSignature, msgspec.ValidationError) as error:
        raise InvalidSearch({"cursor": "This is no cursor of ours; start again with an empty one."}) from error
