"""Run the read model's consumer as a process that notes when it got each ticket's event, and when it was written."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

PATIENCE_SECONDS = 60


class Handled(NamedTuple):
    """When the consumer began to handle an event, and when Elasticsearch had answered."""

    begun_at: float
    answered_at: float


@contextmanager
def timed_consumer() -> Iterator[dict[str, Handled]]:
    """Run `manage.py consume_events readmodel` during the block; yield the times of each ticket's last event.

    They are there after the block. All are of this machine's monotonic clock, `time.perf_counter`.
    """
    context = multiprocessing.get_context("spawn")
    results, of_the_process = context.Pipe(duplex=False)
    process = context.Process(target=_consume, args=(of_the_process,))
    process.start()
    handled: dict[str, Handled] = {}
    try:
        yield handled
    finally:
        process.terminate()
        if results.poll(PATIENCE_SECONDS):
            handled.update(results.recv())
        process.join(PATIENCE_SECONDS)


def _consume(results: Connection) -> None:
    import django  # noqa: PLC0415 (this is another process)

    django.setup()
    from django.conf import settings  # noqa: PLC0415 (after the setup)
    from django.core.management import call_command  # noqa: PLC0415

    from benchmarks.consumer.timed_subscriber import TimedReadModel  # noqa: PLC0415

    path = f"{TimedReadModel.__module__}.{TimedReadModel.__qualname__}"
    settings.EVENTS_SUBSCRIBERS = {**settings.EVENTS_SUBSCRIBERS, "readmodel": path}
    call_command("consume_events", "readmodel")  # Until SIGTERM.
    results.send(TimedReadModel.handled)
