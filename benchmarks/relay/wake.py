"""Compare PUBLISH in Redis with NOTIFY in PostgreSQL as the way to wake the relay after a commit.

    uv run python -m benchmarks.relay.wake

It measures what each adds to the transaction that wakes, and the delay until the waiting process runs.
"""

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import closing

from rich.console import Console
from rich.table import Table

from benchmarks.interleaved import median_seconds, print_ratios
from benchmarks.servers import loaded_project

ROUNDS = 15
REPEATS = 60
WAKES = 300
PATIENCE_SECONDS = 10.0
REFERENCE = "commit alone"


def main() -> None:
    with loaded_project():
        measure_cost()
        measure_delay()


def measure_cost() -> None:
    from django.db import connection, transaction  # noqa: PLC0415 (after the setup)

    from events.models import Partition  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    def commit() -> None:
        with transaction.atomic():
            Partition.objects.update(compacted_to=0)

    def commit_and_notify() -> None:
        commit()
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY wake")

    with closing(open_stream()) as stream:

        def commit_and_publish() -> None:
            commit()
            stream.wake()

        variants = {
            REFERENCE: commit,
            "commit, then PUBLISH": commit_and_publish,
            "commit, then NOTIFY": commit_and_notify,
        }
        seconds = median_seconds(variants, rounds=ROUNDS, repeats=REPEATS)
    print_ratios("The cost of waking the relay", seconds, reference=REFERENCE)


def measure_delay() -> None:
    from django.db import connection  # noqa: PLC0415

    from events.stream.interface import open_stream  # noqa: PLC0415

    table = Table("from the wake to the waiting process", "p50, us", "p99, us", title="The delay of waking")
    with closing(open_stream()) as sender, closing(open_stream()) as waiter:
        waiter.wait_for_wake(0.01)
        add_row(table, "PUBLISH", delays(sender.wake, lambda: waiter.wait_for_wake(PATIENCE_SECONDS)))
    connection.ensure_connection()
    listener = connection.copy()
    with connection.cursor() as cursor, listener.cursor() as listening:
        listening.execute("LISTEN wake")
        notified = listener.connection.notifies
        add_row(
            table,
            "NOTIFY",
            delays(
                lambda: cursor.execute("NOTIFY wake"),
                lambda: list(notified(timeout=PATIENCE_SECONDS, stop_after=1)),
            ),
        )
    listener.close()
    Console().print(table)


def delays(wake: Callable[[], object], wait: Callable[[], object]) -> list[float]:
    """Wake a thread again and again; return the seconds from each wake until it runs."""
    measured: list[float] = []
    woken = threading.Semaphore(0)
    sent_at = 0.0

    def sleeper() -> None:
        for _ in range(WAKES):
            wait()
            measured.append(time.perf_counter() - sent_at)
            woken.release()

    thread = threading.Thread(target=sleeper)
    thread.start()
    for _ in range(WAKES):
        time.sleep(0.002)  # Until the thread waits again.
        sent_at = time.perf_counter()
        wake()
        woken.acquire(timeout=PATIENCE_SECONDS)
    thread.join()
    return measured


def add_row(table: Table, name: str, measured: list[float]) -> None:
    percentiles = statistics.quantiles(measured, n=100)
    table.add_row(name, f"{percentiles[49] * 1e6:,.0f}", f"{percentiles[98] * 1e6:,.0f}")


if __name__ == "__main__":
    main()
