"""What a unit of work has recorded since it began: which events, while they are few, and where they went."""

from uuid import UUID

from events.envelope import Envelope

KEPT_IDS = 500


class Recorded:
    """A rollback may have taken back any of it: only the log knows which events exist."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.event_ids: list[UUID] = []
        self.are_all_kept = True

    def __bool__(self) -> bool:
        return bool(self.partitions)

    def keep(self, envelope: Envelope) -> Envelope:
        """Remember the envelope's event, unless there are too many; return the envelope."""
        if len(self.event_ids) < KEPT_IDS:
            self.event_ids.append(envelope.id)
        else:
            self.are_all_kept = False
        return envelope


KEPT_EVENTS = 500
KEPT_BYTES = 1_000_000
"""What a flush gives positions to, and appends, at once: more of them in memory would be of no use."""


class Unflushed:
    """A rollback may have taken back any of it: only the log knows which events exist."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.envelopes: dict[UUID, Envelope] = {}
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self.partitions)

    def keep(self, envelope: Envelope) -> Envelope:
        """Keep the envelope for the flush, and others of one batch at most with it; return it."""
        size = len(envelope.data.encode())
        if len(self.envelopes) == KEPT_EVENTS or self._bytes + size > KEPT_BYTES:
            self._forget()  # Those before it may be rolled back, and more than a batch is left to the relay anyway.
        self.envelopes[envelope.id] = envelope
        self._bytes += size
        return envelope

    def clear(self) -> None:
        """Leave it all to the relay."""
        self.partitions.clear()
        self._forget()

    def _forget(self) -> None:
        self.envelopes.clear()
        self._bytes = 0
