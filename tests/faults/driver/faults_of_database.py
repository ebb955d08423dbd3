"""Take PostgreSQL away, make it read-only, fail over to its replica, and harm its connections."""

from collections.abc import Iterator

from config.engines.postgres import DATABASE
from tests.faults.driver.faults import Harm, fault
from tests.faults.driver.harm import AT_ONCE, SHORT, connections_harmed, hanging
from tests.network.proxy import cut, cut_in_the_middle, late, now_and_then
from tests.processes import suspended

LATE_SECONDS = 0.03
"""A request has a dozen statements."""


@fault("PostgreSQL: killed", "PostgreSQL", weight=2, seconds=(0, 0.4))
def database_killed(harm: Harm) -> Iterator[None]:
    harm.servers.database.kill()
    yield
    harm.servers.database.restart()


@fault("PostgreSQL: stopped", "PostgreSQL", seconds=SHORT)
def database_stopped(harm: Harm) -> Iterator[None]:
    with suspended(harm.servers.database.processes()):
        yield


@fault("PostgreSQL: read-only", "PostgreSQL", seconds=SHORT)
def database_read_only(harm: Harm) -> Iterator[None]:
    node = harm.servers.database.node
    end_sessions = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()"  # noqa: E501,S608
    node.execute(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only TO on", end_sessions)
    yield
    node.execute(
        "SET default_transaction_read_only TO off", f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only"
    )


@fault("PostgreSQL: failed over", "PostgreSQL", weight=0.25, seconds=AT_ONCE)
def database_failed_over(harm: Harm) -> Iterator[None]:
    harm.servers.database.fail_over(harm.servers.database.make_replica())
    yield


@fault("PostgreSQL: sessions ended", "PostgreSQL", seconds=AT_ONCE)
def database_sessions_ended(harm: Harm) -> Iterator[None]:
    harm.servers.database.proxy.cut_all()
    yield


@fault("PostgreSQL: answers cut", "PostgreSQL", seconds=SHORT)
def database_answers_cut(harm: Harm) -> Iterator[None]:
    with connections_harmed(harm.servers.database.proxy, now_and_then(0.05, cut, cut_in_the_middle)):
        yield


@fault("PostgreSQL: slow connections", "PostgreSQL", seconds=SHORT)
def database_slow(harm: Harm) -> Iterator[None]:
    with connections_harmed(harm.servers.database.proxy, late(LATE_SECONDS)):
        yield


@fault("PostgreSQL: connections hang", "PostgreSQL", seconds=SHORT)
def database_hangs(harm: Harm) -> Iterator[None]:
    return hanging(harm.servers.database.proxy)


@fault("PostgreSQL: connections refused", "PostgreSQL", seconds=SHORT)
def database_refused(harm: Harm) -> Iterator[None]:
    harm.servers.database.proxy.refuses = True
    harm.servers.database.proxy.cut_all()
    yield
    harm.servers.database.proxy.refuses = False
