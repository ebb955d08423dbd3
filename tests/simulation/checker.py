"""Check the guarantees on everything that happens: at each commit, at each effect, and at each append."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from events.envelope import Envelope
from tests.simulation.history import History

OPEN = {"parked", "queued", "retry"}
WATCHED = frozenset({"events_log", "events_position", "events_checkpoint", "events_dead_letter", "ledger"})
"""The tables whose commits are checked."""


class Violated(BaseException):
    """A guarantee does not hold. No handler of failures may catch this."""


class Checker:
    """What was seen so far. `given` events are those that a handler was called with."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.ever_positioned: dict[tuple[int, int], set[UUID]] = defaultdict(set)
        """All events that a position had, in this log and in those that a restore has replaced."""
        self.history = History()
        self._at_backup = History()

    def bug(self, error: BaseException | None) -> None:
        raise Violated(f"a process failed with {error!r}") from error

    # What handlers were given

    def given(self, group: str, target: str, batch: Sequence[Envelope]) -> None:
        is_up_to_date = self._world.is_target_new(target) if group == "index" else self._world.knows_of_restore()
        for envelope in batch:
            self._expect_known(group, envelope)
            if is_up_to_date and self._world.was_restored:
                self._expect_present(group, envelope)
            if is_up_to_date and group != "index":
                self._expect_order(group, target, envelope)

    def _expect_known(self, group: str, envelope: Envelope) -> None:
        """Nothing is invented: the event was in the log, at this position, with these data."""
        entry = self._world.all_entries.get(envelope.id)
        if entry is None:
            raise Violated(f"{group} got an event that was never committed: {envelope}")
        if not any(envelope.id in self.ever_positioned[place] for place in self._places_of(entry, envelope.position)):
            raise Violated(f"{group} got {envelope.id} at {envelope.position}, which it never had")
        if (envelope.data, envelope.subject, envelope.aggregate_version) != (
            entry["data"],
            entry["subject"],
            entry["aggregate_version"],
        ):
            raise Violated(f"{group} got other data than the log's: {envelope}")

    def _expect_present(self, group: str, envelope: Envelope) -> None:
        """Who knows that the database was restored handles no event that is lost."""
        places = self._places_of(self._world.all_entries[envelope.id], envelope.position)
        if not any(self.history.has(*place, envelope.id) for place in places):
            raise Violated(f"{group} got {envelope.subject} at {envelope.position}, which was lost by a restore")

    def _places_of(self, entry: Mapping[str, Any], position: int | None) -> list[tuple[int, int]]:
        """Return where the event may be: in any partition that takes its aggregate, or has taken it before."""
        counts = {self._world.plan.partitions * factor for factor in (1, 2, 4, 8)}
        return [(entry["slot"] % count, position or 0) for count in counts]

    def _expect_order(self, group: str, target: str, envelope: Envelope) -> None:
        """For an ordered group no event comes before an earlier one of its aggregate was given, or given up."""
        seen = self.history.given_versions[group, target, envelope.subject]
        for version in range(1, envelope.aggregate_version):
            if version not in seen and not self._is_gone(group, envelope, version):
                raise Violated(
                    f"{group} got version {envelope.aggregate_version} of {envelope.subject} before {version}"
                )
        self._expect_no_earlier_letter(group, envelope)
        self._expect_undiscarded(group, envelope)
        seen.add(envelope.aggregate_version)

    def _is_gone(self, group: str, envelope: Envelope, version: int) -> bool:
        """Tell whether an earlier event was discarded or compacted away."""
        if version in self.history.discarded[group, envelope.subject]:
            return True
        kept = {(row["subject"], row["aggregate_version"]) for row in self._world.rows("events_log")}
        return (envelope.subject, version) not in kept

    def _expect_no_earlier_letter(self, group: str, envelope: Envelope) -> None:
        for letter in self._world.rows("events_dead_letter"):
            if (
                letter["group"] == group
                and letter["subject"] == envelope.subject
                and letter["state"] in OPEN
                and self._version_of(letter) < envelope.aggregate_version
            ):
                raise Violated(
                    f"{group} got {envelope.subject} at {envelope.position} before its letter at {letter['position']}"
                )

    def _expect_undiscarded(self, group: str, envelope: Envelope) -> None:
        """What was discarded is not delivered; a letter that is being retried just now may still be handled."""
        if self._world.repeats:
            return
        for letter in self._world.rows("events_dead_letter"):
            is_discarded = letter["state"] == "discarded" and letter["event_id"] == envelope.id
            if is_discarded and letter["group"] == group and self._checkpoint_of(letter) < letter["position"]:
                raise Violated(f"{group} got {envelope.subject} at {envelope.position}, which was discarded")

    def _checkpoint_of(self, letter: Mapping[str, Any]) -> int:
        place = (letter["group"], letter["target"], letter["partition"])
        rows = self._world.rows("events_checkpoint")
        return next((row["position"] for row in rows if (row["group"], row["target"], row["partition"]) == place), 0)

    def _version_of(self, letter: Mapping[str, Any]) -> int:
        return int(self._world.all_entries[letter["event_id"]]["aggregate_version"])

    def received(self, envelope: Envelope) -> None:
        self.history.settled["gate", ""].add(envelope.id)

    # What was committed

    def committed(self, changed: Mapping[str, Mapping[Any, tuple[Any, Any]]]) -> None:
        for entry in _added(changed, "events_log"):
            self._world.all_entries[entry["event_id"]] = entry
        for dropped, new in changed.get("events_log", {}).values():
            if dropped and not new:
                self._expect_unneeded(dropped)
        if "events_position" in changed:
            self._check_positions(_added(changed, "events_position"))
        for row in _added(changed, "ledger"):
            self.history.settled["ledger", ""].add(row["event_id"])
        for new in _added(changed, "events_dead_letter"):
            if new["state"] == "discarded":
                self.history.discarded[new["group"], new["subject"]].add(self._version_of(new))
        for old, new in changed.get("events_checkpoint", {}).values():
            if new:
                self._check_checkpoint(old, new)

    def _expect_unneeded(self, dropped: Mapping[str, Any]) -> None:
        """What compaction drops was handled, or parked, by every group that handles each event once."""
        for group in self._world.plan.consumers.keys() - {"index"}:
            place = {"group": group, "target": ""}
            is_handled = dropped["event_id"] in self.history.settled[group, ""]
            if not (is_handled or self._world.repeats or self._is_written_or_parked(place, dropped)):
                raise Violated(
                    f"compaction dropped {dropped['subject']} v{dropped['aggregate_version']}, {group} lacks it"
                )

    def backed_up(self) -> None:
        self._at_backup = self.history.copy()

    def restored(self) -> None:
        """Go on from the log of the backup."""
        self.history = self._at_backup.copy()
        for group in self._world.plan.consumers.keys() - {"index"}:
            rows = self._world.rows("events_checkpoint")
            checkpoints = {row["partition"]: row["position"] for row in rows if row["group"] == group}
            self.history.forget_unsettled(group, "", checkpoints)

    def _check_positions(self, places: Sequence[Mapping[str, Any]]) -> None:
        """Positions have no gaps, follow the order of each aggregate's versions, and are not given while all waits."""
        log, ends, versions = self._world.table("events_log").rows, self.history.ends, self.history.versions
        # An aggregate's later events are in the same partition, or in one with a higher number.
        for place in sorted(places, key=itemgetter("partition", "position")):
            partition, position = place["partition"], place["position"]
            entry = log[place["entry_id"]]
            if position != ends[partition] + 1:
                raise Violated(f"partition {partition} goes on with {position} after {ends[partition]}")
            if versions[entry["subject"]] >= entry["aggregate_version"]:
                raise Violated(
                    f"{entry['subject']} has version {entry['aggregate_version']} after {versions[entry['subject']]}"
                )
            ends[partition] = position
            versions[entry["subject"]] = entry["aggregate_version"]
            self.history.places[partition, position] = entry
            self.ever_positioned[partition, position].add(entry["event_id"])
        for partition in {place["partition"] for place in places}:
            row = self._world.table("events_partition").rows[partition]
            if row["last_position"] != ends[partition]:
                raise Violated(
                    f"partition {partition} says that it ends at {row['last_position']}, not {ends[partition]}"
                )
            if row["divergence"]:
                raise Violated(f"partition {partition} went on to {ends[partition]} although it has diverged")

    def _check_checkpoint(self, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """A checkpoint is never ahead: of the log, or of an event that is neither handled nor parked."""
        last = self._world.table("events_partition").rows[new["partition"]]["last_position"]
        before = old["position"] if old else 0
        if new["position"] == before:
            return
        if new["position"] > last:
            raise Violated(f"checkpoint {new['group']} at {new['position']}, the log ends at {last}")
        if new["position"] < before:
            if not self._world.may_move_back:
                raise Violated(f"checkpoint {new['group']} went back from {before} to {new['position']}")
            return
        self._expect_settled(new, before)

    def _expect_settled(self, new: Mapping[str, Any], before: int) -> None:
        settled = self.history.settled[new["group"], new["target"]]
        for position in range(before + 1, new["position"] + 1):
            entry = self.history.places[new["partition"], position]
            if entry["event_id"] in settled or self._is_superseded(entry):
                continue
            if not self._is_written_or_parked(new, entry):
                raise Violated(
                    f"checkpoint {new['group']} {new['target']!r} passed {entry['subject']} "
                    f"v{entry['aggregate_version']} at {position}, which is neither handled nor parked"
                )

    def _is_superseded(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether compaction has dropped the event, and the log has a later one of its thing."""
        log = self._world.table("events_log").rows
        return entry["id"] not in log and any(
            later["subject"] == entry["subject"] and later["aggregate_version"] > entry["aggregate_version"]
            for later in log.values()
        )

    def _is_written_or_parked(self, new: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
        if new["group"] == "index" and self._world.has_document(new["target"], entry):
            return True
        place = (new["group"], new["target"], entry["event_id"])
        letters = self._world.rows("events_dead_letter")
        return any((letter["group"], letter["target"], letter["event_id"]) == place for letter in letters)

    # What was appended

    def appended(self, key: str, before: tuple[int, int], entry_id: tuple[int, int], fields: Sequence[str]) -> None:
        """An entry that we append is the log's event at its position, right behind the one before, or in the window."""
        world = self._world
        if world.is_attacking:
            return
        pairs = dict(zip(fields[::2], fields[1::2], strict=True))
        partition, position = world.partition_of_key(key), entry_id[0]
        known = self.ever_positioned[partition, position]
        if entry_id[1] != 0 or pairs.get("id") not in {str(event) for event in known}:
            raise Violated(f"{key} got {pairs.get('id')} at {entry_id}, where the log has {known}")
        if partition >= world.partitions:
            return  # The log was restored, and has fewer partitions than the process knows of.
        end = world.table("events_partition").rows[partition]["last_position"]
        first = max(before[0], end - world.plan.stream_max_length)
        if not world.knows_of_restore():
            return  # It was read before, and is refused, or taken away as foreign.
        if not self.history.has(partition, position, UUID(pairs["id"])):
            raise Violated(f"{key} got {pairs['id']} at {position}, which was lost by a restore")
        if self._has_position(partition, first + 1, position):
            raise Violated(f"{key} got position {position} behind {before[0]}, and the log ends at {end}")

    def _has_position(self, partition: int, low: int, high: int) -> bool:
        """Tell whether the log has a position from `low` on, below `high`, that was not compacted away."""
        places = self._world.rows("events_position") if low < high else ()
        return any(place["partition"] == partition and low <= place["position"] < high for place in places)


def _added(changed: Mapping[str, Mapping[Any, tuple[Any, Any]]], table: str) -> list[Any]:
    return [new for _, new in changed.get(table, {}).values() if new]
