"""Choose the copies of the shards that a search asks: all pages of one search the same, so that they fit together.

Copies are refreshed at different moments, and know different numbers of deleted documents, on which the order by
relevance depends. So a document could be on two pages, or on none, if each page came from another copy.
"""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import msgspec

from events.exceptions import RetryLater
from readmodel.index.client import errors_translated

OF_ALL_PAGES = ("query", "post_filter", "sort")
"""What the pages of one search have in common."""
FREE_SECONDS = 30.0
"""How long Elasticsearch takes, by default, until it notices that a node hangs."""


class Copies:
    """The choice for one index. After a failure Elasticsearch chooses for a while: it knows which copies answer."""

    def __init__(self) -> None:
        self._free_until = 0.0

    def of(self, request: Mapping[str, Any]) -> str | None:
        """Return what Elasticsearch calls the preference: the same text leads to the same copies while they live."""
        if time.monotonic() < self._free_until:
            return None
        common = [request.get(name) for name in OF_ALL_PAGES]
        return f"{crc32(msgspec.json.encode(common)):08x}"

    @contextmanager
    def watched(self) -> Generator[None]:
        """Translate errors like errors_translated(), and take them as a sign that a copy does not answer."""
        try:
            with errors_translated():
                yield
        except RetryLater:
            self._free_until = time.monotonic() + FREE_SECONDS
            raise
