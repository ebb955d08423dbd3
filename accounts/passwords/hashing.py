"""Hash passwords, a slow computation, without holding a database session, and only so many at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from accounts.exceptions import TooBusy
from events.processes.pooled_sessions import release_sessions

HASHED_AT_ONCE = 4
"""In one process. Each takes a processor for about half a second."""
PATIENCE_SECONDS = 3.0
RETRY_AFTER_SECONDS = 5

_slots = BoundedSemaphore(HASHED_AT_ONCE)


class PasswordHasher(PBKDF2PasswordHasher):
    """Django's first hasher, which returns the session to the pool before it hashes. Raise TooBusy."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        release_sessions()
        with _slot():
            return super().encode(password, salt, iterations)


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=PATIENCE_SECONDS):
        raise TooBusy(RETRY_AFTER_SECONDS)
    try:
        yield
    finally:
        _slots.release()
