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
