"""Let a view's method carry out a request with an idempotency key once; a repeated one gets the first one's answer.

The view's transaction holds the change, the row that tells of it, and a lock on the key. So a crash leaves change and
row or neither, and a request that comes meanwhile is refused at once. A refused request leaves nothing, and may be sent
again with the same key. REST framework has checked the user's permission before, each time.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, Protocol

from django.db import connections
from rest_framework.request import Request
from rest_framework.response import Response

from events.consistency_token import HEADER as CONSISTENCY_TOKEN
from tickets.api.idempotency.keys import KeyInFlight, KeyReused, RequestKey
from tickets.api.idempotency.rebuilding import Rebuilt, rebuilt
from tickets.models import KeptAnswer

REPLAYED_HEADER = "Idempotent-Replayed"
STATE_HEADER = "Idempotent-State"


class Earlier(NamedTuple):
    """The tickets, with their versions, that were answered when a change was made that is reported once more."""

    places: Mapping[str, int]


class Changed(Protocol):
    """A ticket or a job."""

    @property
    def id(self) -> Any: ...
    @property
    def version(self) -> int: ...


type Change[Row] = Callable[..., Sequence[Row] | Earlier]
type Show[Row] = Callable[[Request, Sequence[Row]], Response]
type Rebuild = Callable[[Mapping[str, int]], Rebuilt[Any]]


def once[Row: Changed](
    show: Show[Row], *, rebuild: Rebuild = rebuilt
) -> Callable[[Change[Row]], Callable[..., Response]]:
    """Decorate a method that changes tickets and returns those to answer; `show` answers them, at first and again.

    A method that finds by itself that the change was made before returns Earlier. `rebuild` finds what was answered at
    first, by ids and versions.
    """

    def decorate(change: Change[Row]) -> Callable[..., Response]:
        @wraps(change)
        def answered(view: Any, request: Request, **arguments: Any) -> Response:
            key = RequestKey.of(request)
            if key and (kept := _kept(key)):
                return _replayed(request, show, rebuild(dict(kept.tickets)))
            done = change(view, request, **arguments)
            if isinstance(done, Earlier):
                return _replayed(request, show, rebuild(done.places))
            if key:
                _keep(key, done)
            return show(request, done)

        return answered

    return decorate


def _kept(key: RequestKey) -> KeptAnswer | None:
    """Lock the key, and return what was kept under it; raise KeyInFlight or KeyReused."""
    if not _is_locked_now(key):
        raise KeyInFlight
    kept = KeptAnswer.objects.filter(key_digest=key.key_digest).first()
    if kept and kept.has_expired:
        kept.delete()
        return None
    if kept and not key.has_request(kept.request_digest):
        raise KeyReused
    return kept


def _is_locked_now(key: RequestKey) -> bool:
    """Take the lock until the transaction ends, without waiting. In SQLite all requests wait for one another."""
    connection = connections[KeptAnswer.objects.db]
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key.lock_number])
        return bool(cursor.fetchone()[0])


def _keep(key: RequestKey, rows: Sequence[Changed]) -> None:
    KeptAnswer.objects.remove_expired()
    pairs = [[str(row.id), row.version] for row in rows]
    KeptAnswer.objects.create(key_digest=key.key_digest, request_digest=key.request_digest, tickets=pairs)


def _replayed(request: Request, show: Show[Any], found: Rebuilt[Any]) -> Response:
    response = show(request, found.rows)
    response[REPLAYED_HEADER] = "true"
    if found.is_newer:
        response[STATE_HEADER] = "current"
    if found.token:
        response[CONSISTENCY_TOKEN] = found.token
    return response
