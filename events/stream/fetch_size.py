"""Choose how many entries to read from the stream at once: Redis limits an answer by their number, not by bytes."""

from collections.abc import Collection

from events.log.reading import BATCH_BYTES
from events.stream.interface import Entry

FIRST_COUNT = 16


class FetchSize:
    """Grows up to `most` while many small entries come, and shrinks to about 1 MB of large ones."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = min(FIRST_COUNT, most)

    def adapt(self, entries: Collection[Entry]) -> None:
        """Adapt to an answer of the stream."""
        size = sum(map(_size, entries))
        fitting = BATCH_BYTES * len(entries) // max(size, 1)
        wanted = 2 * self.count if len(entries) >= self.count else self.count
        self.count = max(1, min(wanted, fitting, self.most))


def _size(entry: Entry) -> int:
    return len(entry.envelope.data) if entry.envelope else sum(map(len, entry.fields.values()))
