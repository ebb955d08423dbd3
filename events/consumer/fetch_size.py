"""How many entries a reader asks the stream for: Redis bounds an answer by their number, and not by their bytes."""

from collections.abc import Collection

from events.log.reading import BATCH_BYTES
from events.stream.interface import Entry

FIRST_COUNT = 16


class FetchSize:
    """Grows while entries are small and many, up to `most`, and shrinks to some 1 MB of large ones."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = min(FIRST_COUNT, most)

    def adapt(self, entries: Collection[Entry]) -> None:
        """Take note of an answer of the stream."""
        size = sum(len(entry.envelope.data) for entry in entries if entry.envelope)
        fitting = BATCH_BYTES * len(entries) // max(size, 1)
        wanted = 2 * self.count if len(entries) >= self.count else self.count
        self.count = max(1, min(wanted, fitting, self.most))
