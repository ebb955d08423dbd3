"""Answer the events over REST: page by page, or as a stream.

REST framework's synchronous views run in a thread: they check permission and parameters. The asynchronous views around
them build the responses, and wait without a thread.
"""

import time
from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from config.feed.problems import TooManyClients, TooManyStreams, refused_cursors
from config.feed.serializers import FeedParameters, PageSerializer, StreamParameters
from config.web.limits.places import give_back_place
from config.web.requests.fresh import with_fresh_user
from events.feed import pages as feed
from events.feed.cursor import FeedCursor
from events.feed.follower import Follower, current_follower
from events.feed.pages import FeedFilter, FeedPage
from events.feed.server_sent_events import CONTENT_TYPE, server_sent
from events.feed.threads import in_thread, release_thread

FEED_PERMISSION = "events.view_logentry"
LAST_EVENT_ID = "Last-Event-ID"
REFUSALS = {
    HTTPStatus.BAD_REQUEST: OpenApiResponse(description="A parameter is invalid; the problem names it."),
    HTTPStatus.CONFLICT: OpenApiResponse(description="The log does not know the cursor; the problem's type says why."),
    HTTPStatus.TOO_MANY_REQUESTS: OpenApiResponse(
        description="You have too many streams here, or send too many requests; see Retry-After."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: OpenApiResponse(
        description="Too many clients wait here; try again after the seconds in Retry-After."
    ),
}


class FirstPage(NamedTuple):
    """The page that a granted request finds at once, the request's parameters, and its user."""

    page: FeedPage
    parameters: FeedParameters
    reader: object


class StreamStart(NamedTuple):
    """The cursor where a granted stream begins, the events that it has, and its user."""

    cursor: FeedCursor
    wanted: FeedFilter
    reader: object


class EventStreamRenderer(JSONRenderer):
    """Accept a client that asks only for a stream of events; problems are still answered as JSON."""

    media_type = CONTENT_TYPE
    format = "events"


class FeedView(APIView):
    """Check a request as REST framework does, and return what `get` found; a refusal is returned as a response."""

    required_permission = FEED_PERMISSION

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what `get` found as it is."""
        if isinstance(response, FirstPage | StreamStart):
            return response
        return super().finalize_response(request, response, *args, **kwargs)


class Events(FeedView):
    """List the log's events, in the order of their positions within each partition."""

    @extend_schema(
        tags=["Events"],
        summary="List events",
        operation_id="list_events",
        parameters=[FeedParameters],
        responses={HTTPStatus.OK: PageSerializer, **REFUSALS},
    )
    def get(self, request: Request, *, follower: Follower) -> FirstPage:
        parameters = FeedParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        if parameters.validated_data["wait"]:
            _expect_room(follower, request.user.pk)
        with refused_cursors():
            page = feed.read_page(parameters.cursor(), parameters.wanted(), limit=parameters.validated_data["limit"])
        return FirstPage(page, parameters, request.user.pk)


class EventsStream(FeedView):
    """Stream the log's events as server-sent events, without end. The id of each is the cursor after it."""

    renderer_classes = [JSONRenderer, EventStreamRenderer]
    http_method_names = ["get", "options"]

    @extend_schema(
        tags=["Events"],
        summary="Follow events, as a stream",
        operation_id="stream_events",
        parameters=[
            StreamParameters,
            OpenApiParameter(
                LAST_EVENT_ID,
                location=OpenApiParameter.HEADER,
                description="The id of the last event received; the stream continues after it.",
            ),
        ],
        responses={(HTTPStatus.OK, CONTENT_TYPE): OpenApiTypes.STR, **REFUSALS},
    )
    def get(self, request: Request, *, follower: Follower | None) -> StreamStart:
        """Return where the stream begins; a stream that goes on needs no follower, since it has its room."""
        parameters = StreamParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        if follower:
            _expect_room(follower, request.user.pk)
        last_id = request.headers.get(LAST_EVENT_ID)
        with refused_cursors():
            cursor = FeedCursor.parse(last_id) if last_id else parameters.cursor()
            feed.expect_known(cursor)
        return StreamStart(cursor, parameters.wanted(), request.user.pk)


def _expect_room(follower: Follower, reader: object) -> None:
    if follower.is_full():
        raise TooManyClients
    if follower.is_full_for(reader):
        raise TooManyStreams


_first_page: Callable[..., FirstPage | HttpResponseBase] = Events.as_view()
_stream_start: Callable[..., StreamStart | HttpResponseBase] = EventsStream.as_view()


@transaction.non_atomic_requests
@wraps(_first_page)
async def events(request: HttpRequest) -> HttpResponseBase:
    """Answer a page; if it is empty, wait for events as long as the request asks."""
    release_thread()
    found = await in_thread(_first_page, request, follower=current_follower())
    if isinstance(found, HttpResponseBase):
        return found
    give_back_place(request)
    page = await _wait_for_events(found)
    body = {
        "events": [msgspec.Raw(event.json) for event in page.events],
        "next": str(page.next),
        "has_more": page.has_more,
    }
    return HttpResponse(msgspec.json.encode(body), content_type="application/json")


async def _wait_for_events(found: FirstPage) -> FeedPage:
    """Return the page, or, if it is empty, the first page with events that comes within the time to wait."""
    page, parameters, reader = found
    wait, limit = parameters.validated_data["wait"], parameters.validated_data["limit"]
    if page.events or page.has_more or not wait:
        return page
    until = time.monotonic() + wait
    follower = current_follower()
    with follower.listening(partitions=len(page.next.positions), reader=reader) as has_room:
        while has_room and not page.events and not page.has_more and (left := until - time.monotonic()) > 0:
            await follower.wait_beyond(page.next, seconds=left)
            page = await in_thread(feed.read_page, page.next, parameters.wanted(), limit=limit)
    return page


@transaction.non_atomic_requests
@wraps(_stream_start)
async def events_stream(request: HttpRequest) -> HttpResponseBase:
    """Answer the stream, or the refusal."""
    start = await in_thread(_stream_start, request, follower=current_follower())
    if isinstance(start, HttpResponseBase):
        return start
    give_back_place(request)
    return StreamingHttpResponse(
        server_sent(start.cursor, start.wanted, reader=start.reader, is_allowed=partial(_is_allowed, request)),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _is_allowed(request: HttpRequest) -> bool:
    """Check whether the stream may still go on, also if the user sends too many requests meanwhile."""
    found = await in_thread(_check_again, request)
    return isinstance(found, StreamStart) or found.status_code == HTTPStatus.TOO_MANY_REQUESTS


def _check_again(request: HttpRequest) -> StreamStart | HttpResponseBase:
    """Look up the session, the token and the user's permissions anew."""
    return _stream_start(with_fresh_user(request), follower=None)
