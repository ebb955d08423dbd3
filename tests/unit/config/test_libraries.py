"""Test that libraries still have the private names that we override or read: after a rename, ours would do nothing."""

from threading import BoundedSemaphore

import pytest
import redis.connection
from django.db.backends.postgresql import base as django_postgresql
from granian.server import MPServer

from config.postgresql.base import DatabaseWrapper
from config.web.server.workers import WebServer
from events.stream.redis_client import _BoundedConnection


@pytest.mark.parametrize(
    ("ours", "of_the_library", "name"),
    [
        (WebServer, MPServer, "_init_shared_socket"),
        (WebServer, MPServer, "_spawn_worker"),
        (WebServer, MPServer, "_spawn_workers"),
        (WebServer, MPServer, "_reload"),
        (_BoundedConnection, redis.connection.Connection, "_connect"),
        (DatabaseWrapper, django_postgresql.DatabaseWrapper, "_connection_pools"),
    ],
)
def test_what_is_overridden_exists(ours: type, of_the_library: type, name: str) -> None:
    assert name in vars(ours)
    assert any(name in vars(base) for base in of_the_library.__mro__)


def test_the_pool_s_semaphore_counts_its_free_places() -> None:
    assert BoundedSemaphore(3)._value == 3  # type: ignore[attr-defined]
