"""Make the next item in another thread while the one before is handled."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

from django.db import connections


def made_ahead[Item](items: Generator[Item]) -> Generator[Item]:
    """Yield the items, at most one of them made ahead; raise what making them raises, in its place.

    The items may be made ahead themselves. Their thread has its own sessions of the database, which end with it.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as elsewhere:
        try:
            coming = elsewhere.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = elsewhere.submit(next, items, None)
                yield item
        finally:
            elsewhere.submit(_end, items)


def _end(items: Generator[object]) -> None:
    items.close()
    connections.close_all()
