"""The events over REST: page by page, or as a stream.

Whether somebody may have them, and what is asked for, REST framework's synchronous views find out in a thread; the
asynchronous ones around them wait without one.
"""

import copy
import time
from functools import partial, wraps
from http import HTTPStatus
from typing import Any

import msgspec
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from config.feed.problems import TooManyClients, refused_cursors
from config.feed.serializers import FeedParameters, PageSerializer, StreamParameters
from events.conf import conf
from events.feed import pages as feed
from events.feed.cursor import FeedCursor
from events.feed.follower import current_follower
from events.feed.pages import FeedFilter, FeedPage
from events.feed.server_sent_events import CONTENT_TYPE, server_sent
from events.feed.threads import in_thread, release_thread

PERMISSION = "events.view_logentry"
LAST_EVENT_ID = "Last-Event-ID"
REFUSALS = {
    HTTPStatus.BAD_REQUEST: OpenApiResponse(description="A parameter does not fit; the problem names it."),
    HTTPStatus.CONFLICT: OpenApiResponse(description="The log does not know the cursor; the problem's type says why."),
    HTTPStatus.SERVICE_UNAVAILABLE: OpenApiResponse(description="Too many clients wait here; see Retry-After."),
}


class PageResponse(HttpResponse):
    """A page, and what it was asked for by."""

    def __init__(self, page: FeedPage, parameters: FeedParameters) -> None:
        body = {
            "events": [msgspec.Raw(event.json) for event in page.events],
            "next": str(page.next),
            "has_more": page.has_more,
        }
        super().__init__(msgspec.json.encode(body), content_type="application/json")
        self.page = page
        self.parameters = parameters


class Granted(HttpResponse):
    """The stream may begin: from where, and with what."""

    def __init__(self, cursor: FeedCursor, wanted: FeedFilter) -> None:
        super().__init__()
        self.cursor = cursor
        self.wanted = wanted


class EventStreamRenderer(JSONRenderer):
    """Lets a client ask for nothing but a stream of events; a problem is JSON all the same."""

    media_type = CONTENT_TYPE
    format = "events"


class Events(APIView):
    """The log's events, in the order of their positions within each partition."""

    required_permission = PERMISSION

    @extend_schema(
        operation_id="list_events", parameters=[FeedParameters], responses={HTTPStatus.OK: PageSerializer, **REFUSALS}
    )
    def get(self, request: Request, *, has_room: bool) -> PageResponse:
        parameters = FeedParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        if parameters.validated_data["wait"] and not has_room:
            raise TooManyClients
        with refused_cursors():
            page = feed.read_page(parameters.cursor(), parameters.wanted(), limit=parameters.validated_data["limit"])
        return PageResponse(page, parameters)


class EventsStream(APIView):
    """The log's events as server-sent events, without end; each one's id is the cursor after it."""

    required_permission = PERMISSION
    renderer_classes = [JSONRenderer, EventStreamRenderer]
    http_method_names = ["get", "options"]

    @extend_schema(
        operation_id="stream_events",
        parameters=[
            StreamParameters,
            OpenApiParameter(
                LAST_EVENT_ID, location=OpenApiParameter.HEADER, description="The last id received: goes on there."
            ),
        ],
        responses={(HTTPStatus.OK, CONTENT_TYPE): OpenApiTypes.STR, **REFUSALS},
    )
    def get(self, request: Request, *, has_room: bool) -> Granted:
        parameters = StreamParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        if not has_room:
            raise TooManyClients
        last_id = request.headers.get(LAST_EVENT_ID)
        with refused_cursors():
            cursor = FeedCursor.parse(last_id) if last_id else parameters.cursor()
            feed.expect_known(cursor)
        return Granted(cursor, parameters.wanted())


_page_of_events = Events.as_view()
_start_of_stream = EventsStream.as_view()


@transaction.non_atomic_requests
@wraps(_page_of_events)
async def events(request: HttpRequest) -> HttpResponseBase:
    """Answer a page, after a while if there is nothing yet."""
    release_thread()
    answer = await in_thread(_page_of_events, request, has_room=_has_room())
    if not isinstance(answer, PageResponse):
        return answer
    return PageResponse(await _fill(answer.page, answer.parameters), answer.parameters)


async def _fill(page: FeedPage, parameters: FeedParameters) -> FeedPage:
    """Return the page, or, if it is empty, the first one within the time to wait that is not."""
    wait, limit = parameters.validated_data["wait"], parameters.validated_data["limit"]
    if page.events or page.has_more or not wait:
        return page
    until = time.monotonic() + wait
    follower = current_follower()
    with follower.listening(partitions=len(page.next.positions)):
        while not page.events and not page.has_more and (left := until - time.monotonic()) > 0:
            await follower.wait_beyond(page.next, seconds=left)
            page = await in_thread(feed.read_page, page.next, parameters.wanted(), limit=limit)
    return page


@transaction.non_atomic_requests
@wraps(_start_of_stream)
async def events_stream(request: HttpRequest) -> HttpResponseBase:
    """Answer the stream, or why there is none."""
    answer = await in_thread(_start_of_stream, request, has_room=_has_room())
    if not isinstance(answer, Granted):
        return answer
    return StreamingHttpResponse(
        server_sent(answer.cursor, answer.wanted, is_allowed=partial(_is_allowed, request)),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _has_room() -> bool:
    return current_follower().listeners < conf.feed_clients


async def _is_allowed(request: HttpRequest) -> bool:
    """Ask again whether the stream may go on."""
    return isinstance(await in_thread(_ask_again, request), Granted)


def _ask_again(request: HttpRequest) -> HttpResponseBase:
    """Look up the session, the token and the user's permissions anew: a request keeps what it has found."""
    fresh = copy.copy(request)
    vars(fresh).pop("_cached_user", None)
    for middleware in (SessionMiddleware, AuthenticationMiddleware):
        middleware(_nothing).process_request(fresh)
    return _start_of_stream(fresh, has_room=True)


def _nothing(_: HttpRequest) -> Any:
    """Be what a middleware is made for, and never called."""
