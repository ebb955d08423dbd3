"""Tell an open page of a ticket that the ticket has changed, by server-sent events from the feed of the log.

Each event's data is a consistency token: the page asks for itself again with it, and gets the ticket as it is after the
event. The first one is of the newest event, which the page may lack. All pages of a process share a reader of the log.
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from http import HTTPStatus
from uuid import UUID

import msgspec
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from config.box_office.tokens import token_of_newest
from config.web.limits.places import give_back_place
from config.web.requests.fresh import with_fresh_user
from events.consistency_token import Newest, token_naming
from events.feed import pages as feed
from events.feed.cursor import CursorRefused, FeedCursor
from events.feed.follower import current_follower
from events.feed.pages import FeedEvent, FeedFilter
from events.feed.server_sent_events import CONTENT_TYPE, server_sent
from events.feed.threads import in_thread
from readmodel.tickets.pages.decorators import PERMISSION

RETRY_AFTER_SECONDS = 10


@transaction.non_atomic_requests
@require_GET
async def live_ticket(request: HttpRequest, ticket_id: UUID) -> HttpResponseBase:
    """Stream the ticket's news until the user logs out, loses the permission, or goes away."""
    if not await in_thread(_may_see, request):
        return HttpResponse(status=HTTPStatus.FORBIDDEN, content_type="text/plain")
    if not isinstance(request, ASGIRequest):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)  # A server with a thread for each request has none for this.
    reader = ("page", request.user.pk)
    follower = current_follower()
    if follower.is_full() or follower.is_full_for(reader):
        busy = HTTPStatus.SERVICE_UNAVAILABLE
        return HttpResponse(status=busy, content_type="text/plain", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    cursor = await in_thread(_cursor_of, request.headers.get("Last-Event-ID", ""))
    newest = await in_thread(token_of_newest, ticket_id)
    give_back_place(request)
    wanted = FeedFilter(subjects=frozenset({str(ticket_id)}))
    news = server_sent(cursor, wanted, reader=reader, is_allowed=partial(_is_allowed, request), write=_token_of)
    return StreamingHttpResponse(
        _with_newest(newest, news),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _with_newest(token: str, news: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if token:
        yield f"data: {token}\n\n".encode()
    async for chunk in news:
        yield chunk


def _may_see(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.has_perm(PERMISSION)


async def _is_allowed(request: HttpRequest) -> bool:
    return await in_thread(lambda: _may_see(with_fresh_user(request)))


def _cursor_of(last_event_id: str) -> FeedCursor:
    """Return where the page was interrupted, or the log's end."""
    try:
        cursor = FeedCursor.parse(last_event_id) if last_event_id else feed.end()
        feed.expect_known(cursor)
    except CursorRefused:
        return feed.end()
    return cursor


class _Version(msgspec.Struct):
    aggregateversion: int


def _token_of(event: FeedEvent) -> Iterator[bytes]:
    version = msgspec.json.decode(event.json, type=_Version).aggregateversion
    yield f"data: {token_naming([Newest(event.type, event.subject, version)])}".encode()
