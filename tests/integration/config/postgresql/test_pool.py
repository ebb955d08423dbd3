"""The sessions that a process keeps, on a server that ends or demotes them."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from config.postgresql.pool import Pool
from events.models import Partition
from events.processes.pooled_sessions import release_sessions
from tests.database_server import SESSIONS, administrator, end_sessions, fill_the_pool, read_only
from tests.figures import Figures
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def write() -> None:
    """Write as a request does: in a session that is returned to the pool at its end."""
    try:
        Partition.objects.update(divergence="")
    finally:
        connection.close()


def test_the_first_statement_after_all_sessions_were_ended_succeeds() -> None:
    connection.close()
    fill_the_pool()
    with administrator() as session:
        assert end_sessions(session, connection.settings_dict["NAME"]) == SESSIONS

    write()


def test_the_first_write_after_the_database_is_writable_again_succeeds() -> None:
    with read_only():
        for _ in range(2):
            with pytest.raises(DatabaseError, match="read-only"):
                write()
        fill_the_pool()

    write()


def test_a_session_is_returned_without_its_transaction() -> None:
    connection.set_autocommit(False)
    Partition.objects.update(divergence="not committed")
    backend = connection.connection.info.backend_pid
    connection.close()

    assert not Partition.objects.exclude(divergence="").exists()
    assert connection.connection.info.backend_pid == backend


def test_a_thread_releases_its_session_except_within_a_transaction() -> None:
    connection.ensure_connection()
    release_sessions()
    assert connection.pool.in_use == 0

    with transaction.atomic():
        Partition.objects.update(divergence="committed")
        release_sessions()
        assert connection.pool.in_use == 1
    connection.set_autocommit(False)
    release_sessions()
    assert connection.pool.in_use == 1
    connection.set_autocommit(True)

    assert Partition.objects.filter(divergence="committed").exists()


def test_a_full_pool_is_an_error_after_its_timeout() -> None:
    pool = Pool(administrator, max_size=1, timeout=0.05)
    session = pool.getconn()

    with pytest.raises(psycopg.OperationalError, match="no session was free for 0.05 s: 1 are in use"):
        pool.getconn()

    pool.putconn(session)
    assert pool.getconn() is session
    pool.close()
    pool.putconn(session)
    assert session.closed


def test_a_session_is_asked_once_a_second_whether_it_can_write(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(administrator, max_size=1, timeout=1)
    pool.putconn(pool.getconn())

    assert last_statement_when_taken(pool) == "SHOW transaction_read_only"
    assert last_statement_when_taken(pool) == "SELECT 'used'"
    monkeypatch.setattr("config.postgresql.pool.TRUSTED_SECONDS", 0)
    assert last_statement_when_taken(pool) == "SHOW transaction_read_only"
    pool.close()


def last_statement_when_taken(pool: Pool) -> str:
    """Take the session, use it, and return it; return what the server says was its last statement once it was taken."""
    session = pool.getconn()
    with administrator() as other:
        found = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid])
        [last] = found.fetchone() or [""]
    session.execute("SELECT 'used'")
    pool.putconn(session)
    return str(last)


def test_sessions_in_use_and_threads_that_wait_for_one_are_measured() -> None:
    pool = Pool(administrator, max_size=1, timeout=60)
    figures = Figures()
    first = pool.getconn()
    with ThreadPoolExecutor(1) as thread:
        second = thread.submit(pool.getconn)
        wait_until(lambda: figures.of("database_sessions_waiting")["database_sessions_waiting"])
        assert figures.of("database_sessions_in_use") == {"database_sessions_in_use": 1}
        pool.putconn(first)
        pool.putconn(second.result())
    pool.close()

    ended = {"database_sessions_in_use": 0, "database_sessions_waiting": 0, "database_session_seconds_count": 2}
    assert figures.of(*ended) == ended


def test_a_failed_connection_takes_no_place() -> None:
    def refuse() -> psycopg.Connection:
        raise psycopg.OperationalError("connection refused")

    pool = Pool(refuse, max_size=1, timeout=0.05)

    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match="connection refused"):
            pool.getconn()
