"""The memory of a unit of work: the ids of its events for its token, their envelopes for the next flush.

A rollback may have taken any of them back: only the log knows which events exist.
"""

from uuid import UUID

from events.envelope import Envelope

MAX_IDS = 500
MAX_ENVELOPES = 500
MAX_BYTES = 1_000_000
"""A flush gives positions to so many events and appends so many bytes at once: it has no use for more of them."""


class RecordedIds:
    """The ids of all events since the unit of work began, as long as they are few."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.event_ids: list[UUID] = []
        self.has_all = True

    def __bool__(self) -> bool:
        return bool(self.partitions)

    def add(self, event_id: UUID) -> None:
        if len(self.event_ids) < MAX_IDS:
            self.event_ids.append(event_id)
        else:
            self.has_all = False


class UnflushedEvents:
    """The envelopes since the last flush, at most one batch of them, so that the flush need not read them again."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.envelopes: dict[UUID, Envelope] = {}
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self.partitions)

    def add(self, envelope: Envelope) -> None:
        size = len(envelope.data.encode())
        if len(self.envelopes) == MAX_ENVELOPES or self._bytes + size > MAX_BYTES:
            self._forget()  # The earlier ones may be rolled back, and the relay flushes what exceeds a batch anyway.
        self.envelopes[envelope.id] = envelope
        self._bytes += size

    def absorb(self, other: "UnflushedEvents") -> None:
        """Add the events of another unit, to be flushed together."""
        for envelope in other.envelopes.values():
            self.add(envelope)
        self.partitions |= other.partitions

    def take(self) -> tuple[set[int], dict[UUID, Envelope]]:
        """Return the partitions and envelopes, and keep none."""
        taken = (self.partitions, self.envelopes)
        self.partitions = set()
        self._forget()
        return taken

    def clear(self) -> None:
        """Leave all of them to the relay."""
        self.take()

    def _forget(self) -> None:
        self.envelopes = {}
        self._bytes = 0
