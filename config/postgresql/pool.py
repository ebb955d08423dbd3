"""Keep the sessions of a process between its requests, and never hand out one that can't write.

psycopg's own pool tests one dead session after another with growing pauses, and connects in the background with
growing pauses too: after a crash of the server it stays useless for longer than the crash lasted. Here the caller
connects itself, at once.
"""

import select
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus

from config.measurements import SESSION_SECONDS, SESSIONS_IN_USE, SESSIONS_WAITING

IDLE_SECONDS = 600.0
TRUSTED_SECONDS = 1.0
"""How long a session that could write is believed to be able to, as long as its server has not closed it."""

type Session = psycopg.Connection[Any]


class _Idle(NamedTuple):
    session: Session
    since: float


class Pool:
    """At most `max_size` sessions. It has the methods of psycopg's pool that Django calls."""

    def __init__(self, connect: Callable[[], Session], *, max_size: int, timeout: float) -> None:
        self._connect = connect
        self._max_size = max_size
        self._timeout = timeout
        self._free = BoundedSemaphore(max_size)
        self._idle: deque[_Idle] = deque()
        """The one that was returned last is at the right."""
        self._asked_at: WeakKeyDictionary[Session, float] = WeakKeyDictionary()
        """When a session could write, as it said."""
        self._is_closed = False

    @property
    def in_use(self) -> int:
        """The number of sessions that are taken now."""
        return self._max_size - self._free._value  # noqa: SLF001 (only the semaphore counts them)

    def open(self) -> None:
        """Do nothing: a session is opened when one is needed."""

    def getconn(self) -> Session:
        """Return an idle session that works, or a new one; raise OperationalError if there is none."""
        with SESSION_SECONDS.timed():
            session = self._take()
        SESSIONS_IN_USE.change(1)
        session._pool = self  # type: ignore[assignment]  # noqa: SLF001 (Django returns it to where this says)
        return session

    def _take(self) -> Session:
        self._wait_for_a_free_one()
        try:
            return self._take_idle() or self._connect()
        except BaseException:
            self._free.release()
            raise

    def _wait_for_a_free_one(self) -> None:
        if self._free.acquire(blocking=False):
            return
        with SESSIONS_WAITING.raised():
            is_free = self._free.acquire(timeout=self._timeout)
        if not is_free:
            raise psycopg.OperationalError(f"no session was free for {self._timeout:g} s: {self._max_size} are in use")

    def putconn(self, session: Session) -> None:
        """Take a session back."""
        SESSIONS_IN_USE.change(-1)
        session._pool = None  # noqa: SLF001 (see above)
        _end_transaction(session)
        if not session.closed:
            self._idle.append(_Idle(session, time.monotonic()))
        self._free.release()
        self._close_idle(returned_before=float("inf") if self._is_closed else time.monotonic() - IDLE_SECONDS)

    def close(self) -> None:
        """Close the idle sessions now, and the others when they are returned."""
        self._is_closed = True
        self._close_idle(returned_before=float("inf"))

    def _take_idle(self) -> Session | None:
        with suppress(IndexError):
            while True:
                session = self._idle.pop().session
                if self._works(session):
                    return session
                session.close()
        return None

    def _works(self, session: Session) -> bool:
        """Tell whether the session can write; ask it once a second, unless something has come from the server."""
        now = time.monotonic()
        if now - self._asked_at.get(session, -TRUSTED_SECONDS) < TRUSTED_SECONDS and _is_quiet(session):
            return True
        self._asked_at[session] = now
        return _can_write(session)

    def _close_idle(self, *, returned_before: float) -> None:
        with suppress(IndexError):
            while self._idle[0].since < returned_before:
                self._idle.popleft().session.close()


def _end_transaction(session: Session) -> None:
    """Make the session ready for its next user, or close it."""
    try:
        if session.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
            session.rollback()
        session.autocommit = True  # Raises unless the session is idle.
    except psycopg.Error:
        session.close()


def _is_quiet(session: Session) -> bool:
    """Tell whether the server has neither closed the session nor sent anything."""
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    return not poll.poll(0)


def _can_write(session: Session) -> bool:
    """Ask the server: it may be gone, or its database may have been read-only when the session began."""
    try:
        return session.execute("SHOW transaction_read_only").fetchone() == ("off",)
    except psycopg.Error:
        return False
