"""What the checker has seen of the log that is there, and of its effects: a restore takes it back with the database."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec


class History(msgspec.Struct):
    """The records of one log, from its first event on."""

    given_versions: dict[tuple[str, str, str], set[int]] = msgspec.field(default_factory=lambda: defaultdict(set))
    """The versions that a handler was called with, by group, target and aggregate."""
    settled: dict[tuple[str, str], set[UUID]] = msgspec.field(default_factory=lambda: defaultdict(set))
    """The events whose effects are complete, by group and target."""
    discarded: dict[tuple[str, str], set[int]] = msgspec.field(default_factory=lambda: defaultdict(set))
    """The versions whose letters were discarded, by group and aggregate."""
    ends: dict[int, int] = msgspec.field(default_factory=lambda: defaultdict(int))
    """The last position of each partition."""
    versions: dict[str, int] = msgspec.field(default_factory=lambda: defaultdict(int))
    """The last version of each aggregate that has a position."""
    places: dict[tuple[int, int], Mapping[str, Any]] = msgspec.field(default_factory=dict)
    """The log's rows by partition and position, also those that were compacted away."""

    def copy(self) -> "History":
        return History(
            given_versions=_copied(self.given_versions),
            settled=_copied(self.settled),
            discarded=_copied(self.discarded),
            ends=defaultdict(int, self.ends),
            versions=defaultdict(int, self.versions),
            places=dict(self.places),
        )

    def has(self, partition: int, position: int, event_id: UUID) -> bool:
        """Tell whether the log has the event there, or had it there before it was compacted away."""
        entry = self.places.get((partition, position))
        return entry is not None and entry["event_id"] == event_id

    def forget_unsettled(self, group: str, target: str, checkpoints: Mapping[int, int]) -> None:
        """Expect the events behind the group's checkpoints again: in the restored database they are not handled."""
        kept: dict[str, set[int]] = defaultdict(set)
        events: set[UUID] = set()
        for (partition, position), entry in self.places.items():
            if position <= checkpoints.get(partition, 0):
                kept[entry["subject"]].add(entry["aggregate_version"])
                events.add(entry["event_id"])
        for place in [place for place in self.given_versions if place[:2] == (group, target)]:
            self.given_versions[place] &= kept[place[2]]
        self.settled[group, target] &= events


def _copied[Key, Item](sets: Mapping[Key, set[Item]]) -> dict[Key, set[Item]]:
    return defaultdict(set, {key: set(items) for key, items in sets.items()})
