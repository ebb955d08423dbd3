"""Kill, stop and demote the tests' own PostgreSQL server."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Any

import psutil
import psycopg
from django.db import connection

from config.engines.postgres import ADMINISTRATOR, ROLE
from tests.processes import suspended
from tests.waiting import wait_until

SESSIONS = 16
"""The default of DATABASE_POOL_SIZE."""


def administrator() -> psycopg.Connection[Any]:
    """Connect to another database of the server, beside all sessions of the test's, with all rights."""
    parameters = connection.get_connection_params()
    address = {key: parameters[key] for key in ("host", "user", "password", "port") if key in parameters}
    if address.get("user") == ROLE:  # The server is embedded; this role may do little.
        address["user"] = ADMINISTRATOR
    return psycopg.connect(dbname="postgres", autocommit=True, **address)


def postmaster() -> psutil.Process:
    with administrator() as session:
        server = psutil.Process(session.info.backend_pid).parent()
    assert server is not None
    assert server.name() == "postgres"  # The server is the tests' own, on this machine.
    return server


def kill_and_wait_for_the_next() -> None:
    """Kill the whole server; its supervisor starts another."""
    server = postmaster()
    server.kill()
    server.wait()
    wait_until(answers)


def answers() -> bool:
    try:
        administrator().close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def hanging() -> Iterator[None]:
    """Stop the server and its processes: connections are accepted, and nothing is answered."""
    server = postmaster()
    with suspended([server, *server.children()]):
        yield


@contextmanager
def read_only() -> Iterator[None]:
    """Make the database read-only for new sessions, and end the others, as at a fail-over that demotes the primary."""
    name = connection.settings_dict["NAME"]
    with administrator() as session:
        session.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only TO on')
        try:
            end_sessions(session, name)
            connection.close()
            yield
        finally:
            session.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


def end_sessions(session: Any, database: str) -> int:
    """End the sessions of the database that are there now, wait for that, and return how many; some may end anyway."""
    found = session.execute("SELECT pid, backend_start FROM pg_stat_activity WHERE datname = %s", [database]).fetchall()
    for pid, _ in found:
        session.execute("SELECT pg_terminate_backend(%s)", [pid])

    def are_gone() -> bool:
        now = session.execute("SELECT pid, backend_start FROM pg_stat_activity").fetchall()
        return not set(now) & set(found)

    wait_until(are_gone)
    return len(found)


def in_a_thread(work: Callable[[], None]) -> None:
    """Run the work in a thread, as an ASGI server runs each request."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


def fill_the_pool() -> None:
    """Leave as many idle sessions in the pool as it may have."""
    all_have_one = Barrier(SESSIONS)

    def use_one() -> None:
        connection.ensure_connection()
        all_have_one.wait()
        connection.close()

    connection.close()
    with ThreadPoolExecutor(SESSIONS) as threads:
        for use in [threads.submit(use_one) for _ in range(SESSIONS)]:
            use.result()
