"""Follow the log for all clients of a process: its newest events are in memory only once.

No client has a queue. Each has a cursor, takes the events after it from the windows, and reads the log if the windows
do not reach back that far. So a slow client costs no memory, and joining or falling behind neither loses nor repeats
events.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from weakref import WeakKeyDictionary

from django.db import Error, close_old_connections

from events import log
from events.conf import conf
from events.exceptions import StreamUnavailable
from events.feed.cursor import FeedCursor
from events.feed.pages import FeedEvent, feed_event, mark_at, may_read
from events.feed.window import FeedWindow
from events.log.partitions import Layout, Origin, layout, look_for_partitions
from events.measuring.catalogue import FEED_CLIENTS
from events.models import Partition
from events.processes.throttled_log import ThrottledLog
from events.processes.timer import Timer
from events.stream.interface import Stream, open_stream

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often the log is read while Redis reports nothing."""


class Follower:
    """The windows of an event loop, one per partition; threads fill them as long as a client listens.

    The thread of the first partition looks for new ones.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.listeners = 0
        self._listeners_of: Counter[object] = Counter()
        self._loop = loop
        self._windows: dict[int, FeedWindow] = {}
        self._layout: list[Origin | None] = []
        """The partitions that have a reader. Windows begin behind all markers that there are then."""
        self._changed = asyncio.Event()
        self._stopped = threading.Event()

    def is_full(self) -> bool:
        """Tell whether the process serves as many listeners as it can."""
        return self.listeners >= conf.feed_clients

    def is_full_for(self, reader: object) -> bool:
        """Tell whether this user has as many listeners as one user may have."""
        return self._listeners_of[reader] >= conf.feed_clients_per_reader

    @contextmanager
    def listening(self, *, partitions: int, reader: object = None) -> Iterator[bool]:
        """Keep the windows filled during the block; yield whether there is still room for it."""
        has_room = not self.is_full() and not self.is_full_for(reader)
        if not self.listeners:
            self._start(partitions)
        self.listeners += 1
        self._listeners_of[reader] += 1
        try:
            with FEED_CLIENTS.raised():
                yield has_room
        finally:
            self.listeners -= 1
            self._listeners_of[reader] -= 1
            self._listeners_of += Counter()  # Forgets those who have none.
            if not self.listeners:
                self._stopped.set()

    def after(self, cursor: FeedCursor) -> list[FeedEvent] | None:
        """Return the events after the cursor; None if the log must be read.

        The windows do not reach back that far, or the log was restored and has other events before the cursor; or
        events of a partition that was split off are there sooner than those that come before them.
        """
        found: list[FeedEvent] = []
        reached: list[int] = []
        for partition, (position, mark) in enumerate(cursor.padded(len(self._layout)).places()):
            window = self._windows.get(partition)
            if window is None or position < window.start or window.contradicts(position, mark):
                return None
            reached.append(max(position, window.end))
            events = window.after(position)
            if events and not may_read(partition, reached, self._layout):
                return None
            found += events
        return found

    async def wait_beyond(self, cursor: FeedCursor, *, seconds: float) -> None:
        """Return when there are events after the cursor, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not self._has_more(cursor):
                    await self._changed.wait()
        except TimeoutError:
            return

    def _has_more(self, cursor: FeedCursor) -> bool:
        positions = cursor.padded(len(self._layout)).positions
        return any(window.end > positions[number] for number, window in self._windows.items())

    def _start(self, partitions: int) -> None:
        self._windows = {}
        self._layout = []
        self._stopped = threading.Event()
        self._add_readers([None] * partitions, stopped=self._stopped)

    def add_readers(self, known: Layout, *, stopped: threading.Event) -> None:
        """Let a reader's thread say which partitions there are now."""
        self._loop.call_soon_threadsafe(partial(self._add_readers, known, stopped=stopped))

    def _add_readers(self, known: Layout, *, stopped: threading.Event) -> None:
        if stopped is not self._stopped:
            return
        new = range(len(self._layout), len(known))
        self._layout[: len(known)] = known  # A log that was restored and repartitioned again has other markers.
        for partition in new:
            _Reader(self, partition, stopped).start()

    def publish(self, partition: int, found: FeedWindow | list[FeedEvent], *, stopped: threading.Event) -> None:
        """Accept from a reader's thread the window with which it starts, or the next events."""
        self._loop.call_soon_threadsafe(partial(self._publish, partition, found, stopped=stopped))

    def _publish(self, partition: int, found: FeedWindow | list[FeedEvent], *, stopped: threading.Event) -> None:
        if stopped is not self._stopped:
            return  # This reader was stopped, and another one has started since.
        if isinstance(found, FeedWindow):
            self._windows[partition] = found
        else:
            self._windows[partition].add(found)
        self._changed.set()  # Wakes all current waiters; later ones wait for the next event.
        self._changed = asyncio.Event()


_followers: WeakKeyDictionary[asyncio.AbstractEventLoop, Follower] = WeakKeyDictionary()


def current_follower() -> Follower:
    """Return the running event loop's follower."""
    loop = asyncio.get_running_loop()
    return _followers.setdefault(loop, Follower(loop))


class _Reader(threading.Thread):
    """Reads a partition of the log; the stream only says when, since it may be down, wiped or diverged."""

    def __init__(self, follower: Follower, partition: int, stopped: threading.Event) -> None:
        super().__init__(name=f"feed-{partition}", daemon=True)
        self._follower = follower
        self._partition = partition
        self._stopped = stopped
        self._position: int | None = None
        self._mark = ""
        self._generation = 0
        self._look = Timer()
        self._throttled_log = ThrottledLog(logger)

    def run(self) -> None:
        has_entry = False
        with closing(open_stream()) as stream:
            while not self._stopped.is_set():
                if self._found_more():
                    has_entry = False
                    continue
                if has_entry:  # It is not in the log: the wait would return at once, again and again.
                    self._stopped.wait(POLL_SECONDS)
                has_entry = self._wait_for_entry(stream)

    def _found_more(self) -> bool:
        try:
            found = self._read()
            self._throttled_log.recovered()
        except (Error, Partition.DoesNotExist) as error:  # A restored log may have fewer partitions.
            self._throttled_log.error(f"the feed can't read the log: {error}")
            if isinstance(error, Partition.DoesNotExist):
                self._forget_window()
            return False
        finally:
            close_old_connections()
        if found is None:
            return False
        self._follower.publish(self._partition, found, stopped=self._stopped)
        return True

    def _read(self) -> FeedWindow | list[FeedEvent] | None:
        if self._partition == 0 and self._look.is_due(POLL_SECONDS):
            look_for_partitions()
            self._follower.add_readers(layout(), stopped=self._stopped)
        generation = log.generation(self._partition)
        if self._position is None or generation != self._generation or self._was_restored(self._position):
            self._generation = generation
            self._position = log.last_position(self._partition)
            self._mark = mark_at(self._partition, self._position)
            return FeedWindow(self._position, self._mark)
        found = [feed_event(self._partition, envelope) for envelope in log.read_after(self._partition, self._position)]
        if not found:
            return None
        self._position, self._mark = found[-1].position, found[-1].mark
        return found

    def _forget_window(self) -> None:
        """Show nobody the events that the log no longer has; begin anew if it is repartitioned again."""
        if self._position is not None:
            self._position = None
            self._follower.publish(self._partition, FeedWindow(0), stopped=self._stopped)

    def _was_restored(self, position: int) -> bool:
        """Tell whether the window has events that the log no longer has."""
        if log.last_position(self._partition) < position:
            return True
        mark = mark_at(self._partition, position)
        return bool(mark and self._mark) and mark != self._mark

    def _wait_for_entry(self, stream: Stream) -> bool:
        """Wait for the next entry of the stream, a second at most; tell whether there is one."""
        try:
            return stream.has_entry(self._partition, after=self._position or 0, block_seconds=POLL_SECONDS)
        except StreamUnavailable:
            self._stopped.wait(POLL_SECONDS)
            return False
