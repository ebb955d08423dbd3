"""Send the feed as server-sent events; each one's id is the cursor after it, at which a client can resume."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import cycle

from django.db import Error

from events.conf import conf
from events.feed import pages as feed
from events.feed.cursor import CursorRefused, FeedCursor
from events.feed.follower import Follower, current_follower
from events.feed.pages import FeedEvent, FeedFilter
from events.feed.threads import in_thread, release_thread

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/event-stream"
RETRY_MILLISECONDS = 3_000
EVENTS_AT_ONCE = 100
BYTES_AT_ONCE = 65_536
"""The most that is buffered for one client, unless one event is larger: clients may be slow, and many."""

type IsAllowed = Callable[[], Awaitable[bool]]
type Write = Callable[[FeedEvent], Iterable[bytes]]
"""Returns the lines of an event, in parts that are joined."""


def whole(event: FeedEvent) -> Iterator[bytes]:
    yield f"event: {event.type}\ndata: ".encode()
    yield event.json  # A large event is in memory once for all clients.


async def server_sent(
    cursor: FeedCursor, wanted: FeedFilter, *, reader: object, is_allowed: IsAllowed, write: Write = whole
) -> AsyncIterator[bytes]:
    """Stream until the user loses the permission, which every other heartbeat checks, or the log can't be read."""
    release_thread()
    follower = current_follower()
    with follower.listening(partitions=len(cursor.positions), reader=reader) as has_room:
        if not has_room:  # Others began while this request was checked.
            return
        yield b"retry: %d\n%b" % (RETRY_MILLISECONDS, _resume_at(cursor))
        try:
            async for chunk in _chunks(follower, cursor, wanted=wanted, is_allowed=is_allowed, write=write):
                yield chunk
        except (Error, CursorRefused) as error:
            logger.warning("a client's event stream ends: %s", error)


async def _chunks(
    follower: Follower, cursor: FeedCursor, *, wanted: FeedFilter, is_allowed: IsAllowed, write: Write
) -> AsyncIterator[bytes]:
    must_check = cycle((False, True))
    heartbeat_at = time.monotonic() + conf.feed_heartbeat_seconds
    while True:
        if time.monotonic() >= heartbeat_at:
            if next(must_check):
                await in_thread(feed.expect_known, cursor)
                if not await is_allowed():
                    return
            yield b": alive\n" + _resume_at(cursor)
            heartbeat_at = time.monotonic() + conf.feed_heartbeat_seconds
        events, reached = await _next(follower, cursor, wanted)
        for chunk in _packed(_messages(cursor, events, write)):
            yield chunk
        if reached == cursor:
            await follower.wait_beyond(cursor, seconds=heartbeat_at - time.monotonic())
        cursor = reached


async def _next(follower: Follower, cursor: FeedCursor, wanted: FeedFilter) -> tuple[list[FeedEvent], FeedCursor]:
    """Return the next few events that the filter includes, and the cursor after them."""
    live = follower.after(cursor)
    if live is None:
        page = await in_thread(feed.read_page, cursor, wanted, limit=EVENTS_AT_ONCE, max_bytes=BYTES_AT_ONCE)
        return page.events, page.next
    events: list[FeedEvent] = []
    size = 0
    for event in live:
        if wanted.includes(event):
            size += len(event.json)
            if events and (size > BYTES_AT_ONCE or len(events) == EVENTS_AT_ONCE):
                break
            events.append(event)
        cursor = cursor.moved(event.partition, event.position, event.mark)
    return events, cursor


def _messages(cursor: FeedCursor, events: Iterable[FeedEvent], write: Write) -> Iterator[bytes]:
    for event in events:
        cursor = cursor.moved(event.partition, event.position, event.mark)
        yield f"id: {cursor}\n".encode()
        yield from write(event)
        yield b"\n\n"


def _packed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts into larger chunks; a large part stays alone."""
    chunk: list[bytes] = []
    size = 0
    for part in parts:
        if chunk and size + len(part) > BYTES_AT_ONCE:
            yield b"".join(chunk)
            chunk, size = [], 0
        chunk.append(part)
        size += len(part)
    if chunk:
        yield b"".join(chunk)


def _resume_at(cursor: FeedCursor) -> bytes:
    """Let the client resume here: an id without data sets its last event id but is not an event."""
    return f"id: {cursor}\n\n".encode()
