"""Check the guarantees on everything that happens: at each commit, at each effect, at each append, and at the end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from events.envelope import Envelope
from readmodel.projection import VERSION_STEP

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
        self.received_versions: dict[str, list[int]] = defaultdict(list)
        self.given_versions: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        self.settled: dict[tuple[str, str], set[UUID]] = defaultdict(set)
        """The events whose effects are complete, by group and target."""
        self._ends: dict[int, int] = defaultdict(int)
        self._versions: dict[str, int] = defaultdict(int)
        self.places: dict[tuple[int, int], Mapping[str, Any]] = {}
        """The log's rows by partition and position, also those that were compacted away."""

    def bug(self, error: BaseException | None) -> None:
        raise Violated(f"a process failed with {error!r}") from error

    # What handlers were given

    def given(self, group: str, target: str, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            self._expect_known(group, envelope)
            if group != "index":
                self._expect_order(group, target, envelope)

    def _expect_known(self, group: str, envelope: Envelope) -> None:
        """Nothing is invented: the event was in the log, at this position, with these data."""
        entry = self._world.all_entries.get(envelope.id)
        if entry is None:
            raise Violated(f"{group} got an event that was never committed: {envelope}")
        place = (entry["partition"], envelope.position)
        if envelope.id not in self.ever_positioned[place]:
            raise Violated(f"{group} got {envelope.id} at {place}, which it never had")
        if (envelope.data, envelope.subject, envelope.aggregate_version) != (
            entry["data"],
            entry["subject"],
            entry["aggregate_version"],
        ):
            raise Violated(f"{group} got other data than the log's: {envelope}")

    def _expect_order(self, group: str, target: str, envelope: Envelope) -> None:
        """For an ordered group no event comes before an earlier one of its aggregate was given, or given up."""
        seen = self.given_versions[group, target, envelope.subject]
        for version in range(1, envelope.aggregate_version):
            if version not in seen and not self._world.was_restored and not self._is_gone(group, envelope, version):
                raise Violated(
                    f"{group} got version {envelope.aggregate_version} of {envelope.subject} before {version}"
                )
        if group in self._world.plan.poison and not self._world.was_restored:
            self._expect_no_earlier_letter(group, envelope)
        seen.add(envelope.aggregate_version)

    def _is_gone(self, group: str, envelope: Envelope, version: int) -> bool:
        """Tell whether an earlier event was compacted away or discarded."""
        return self._world.compacts or version in self._world.discarded[group, envelope.subject]

    def _expect_no_earlier_letter(self, group: str, envelope: Envelope) -> None:
        for letter in self._world.rows("events_dead_letter"):
            if (
                letter["group"] == group
                and letter["subject"] == envelope.subject
                and letter["state"] in OPEN
                and letter["position"] < (envelope.position or 0)
            ):
                raise Violated(
                    f"{group} got {envelope.subject} at {envelope.position} before its letter at {letter['position']}"
                )

    def received(self, envelope: Envelope) -> None:
        self.received_versions[envelope.subject].append(envelope.aggregate_version)
        self.settled["gate", ""].add(envelope.id)

    # What was committed

    def committed(self, changed: Mapping[str, Mapping[Any, tuple[Any, Any]]]) -> None:
        for entry in _added(changed, "events_log"):
            self._world.all_entries[entry["event_id"]] = entry
        if "events_position" in changed:
            self._check_positions(_added(changed, "events_position"))
        for row in _added(changed, "ledger"):
            self.settled["ledger", ""].add(row["event_id"])
        for new in _added(changed, "events_dead_letter"):
            if new["state"] == "discarded":
                version = self._world.all_entries[new["event_id"]]["aggregate_version"]
                self._world.discarded[new["group"], new["subject"]].add(version)
        for old, new in changed.get("events_checkpoint", {}).values():
            if new:
                self._check_checkpoint(old, new)

    def restored(self) -> None:
        """Go on from the log of a backup."""
        self._ends.clear()
        self._versions.clear()
        self.places.clear()
        self._check_positions(self._world.rows("events_position"), has_gaps=self._world.compacts)

    def _check_positions(self, places: Sequence[Mapping[str, Any]], *, has_gaps: bool = False) -> None:
        """Positions have no gaps but those of compaction, and follow the order of each aggregate's versions."""
        log = self._world.table("events_log").rows
        for place in sorted(places, key=itemgetter("position")):
            partition, position = place["partition"], place["position"]
            entry = log[place["entry_id"]]
            if position != self._ends[partition] + 1 and not has_gaps:
                raise Violated(f"partition {partition} goes on with {position} after {self._ends[partition]}")
            if self._versions[entry["subject"]] >= entry["aggregate_version"]:
                raise Violated(
                    f"{entry['subject']} has version {entry['aggregate_version']} after "
                    f"{self._versions[entry['subject']]}"
                )
            self._ends[partition] = position
            self._versions[entry["subject"]] = entry["aggregate_version"]
            self.places[partition, position] = entry
            self.ever_positioned[partition, position].add(entry["event_id"])
        for number, end in self._ends.items():
            last = self._world.table("events_partition").rows[number]["last_position"]
            if last != end:
                raise Violated(f"partition {number} says that it ends at {last}, and ends at {end}")

    def _check_checkpoint(self, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """A checkpoint is never ahead: of the log, or of an event that is neither handled nor parked."""
        last = self._world.table("events_partition").rows[new["partition"]]["last_position"]
        before = old["position"] if old else 0
        if new["position"] == before:
            return
        if new["position"] > last and not self._world.was_restored:
            raise Violated(f"checkpoint {new['group']} at {new['position']}, the log ends at {last}")
        if new["position"] < before:
            if not self._world.may_move_back:
                raise Violated(f"checkpoint {new['group']} went back from {before} to {new['position']}")
            return
        if not self._world.was_restored:
            self._expect_settled(new, before)

    def _expect_settled(self, new: Mapping[str, Any], before: int) -> None:
        settled = self.settled[new["group"], new["target"]]
        for position in range(before + 1, new["position"] + 1):
            entry = self.places[new["partition"], position]
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
        end = world.table("events_partition").rows[partition]["last_position"]
        first = max(before[0], end - world.plan.stream_max_length)
        if not world.was_restored and self._has_position(partition, first + 1, position):
            raise Violated(f"{key} got position {position} behind {before[0]}, and the log ends at {end}")

    def _has_position(self, partition: int, low: int, high: int) -> bool:
        """Tell whether the log has a position from `low` on, below `high`, that was not compacted away."""
        places = self._world.rows("events_position") if low < high else ()
        return any(place["partition"] == partition and low <= place["position"] < high for place in places)

    # The end

    def check_end(self) -> None:
        world = self._world
        truth = world.truth()
        logged = sorted((e["subject"], e["aggregate_version"], world.note_of(e)) for e in world.rows("events_log"))
        missing = [part for part in logged if part not in truth]
        if missing:
            raise Violated(f"the log has events without a change: {missing}")
        if not world.compacts and len(truth) != len(logged):
            raise Violated(f"changes {truth} and events {logged} differ")
        for group in world.plan.consumers:
            getattr(self, f"_check_{group}")()
        self._check_streams()

    def _newest(self, group: str, target: str) -> dict[str, Any]:
        """Return the newest event of each thing that is not discarded."""
        discarded = {
            letter["event_id"]
            for letter in self._world.rows("events_dead_letter")
            if letter["group"] == group and letter["target"] == target and letter["state"] == "discarded"
        }
        newest: dict[str, Any] = {}
        for entry in sorted(self._world.rows("events_log"), key=lambda row: row["aggregate_version"]):
            if entry["event_id"] not in discarded:
                newest[entry["subject"]] = entry
        return newest

    def _check_index(self) -> None:
        for name, index in self._world.elasticsearch.indices.items():
            newest = self._newest("index", index.uuid)
            expected = {
                subject: (entry["aggregate_version"] * VERSION_STEP, self._world.note_of(entry))
                for subject, entry in newest.items()
            }
            found = {key: (stored.version, stored.source["note"]) for key, stored in index.documents.items()}
            if any(found.get(key) != wanted for key, wanted in expected.items()) or (
                found.keys() - expected.keys() and not self._world.discarded
            ):
                raise Violated(f"index {name} has {found}, the log {expected}")

    def _check_gate(self) -> None:
        for subject, entry in self._newest("gate", "").items():
            if max(self.received_versions[subject], default=0) < entry["aggregate_version"]:
                raise Violated(f"the gate has {self.received_versions[subject]} of {subject}, the log {entry}")

    def _check_ledger(self) -> None:
        """Exactly once: unless a group was reset, no event has two lines."""
        lines: dict[UUID, int] = defaultdict(int)
        for row in self._world.rows("ledger"):
            lines[row["event_id"]] += 1
        letters = [row for row in self._world.rows("events_dead_letter") if row["state"] == "discarded"]
        discarded = {letter["event_id"] for letter in letters}
        if invented := lines.keys() - {entry["event_id"] for entry in self.places.values()}:
            raise Violated(f"the ledger has events that the log does not have: {invented}")
        for entry in self._world.rows("events_log"):
            count = lines[entry["event_id"]]
            if count == 0 and entry["event_id"] not in discarded:
                raise Violated(f"the ledger lacks {entry['subject']} v{entry['aggregate_version']}")
            if count > 1 and not self._world.repeats:
                raise Violated(f"the ledger has {entry['subject']} v{entry['aggregate_version']} {count} times")

    def _check_streams(self) -> None:
        for partition in range(self._world.plan.partitions):
            found = self._world.stream_entries(partition)
            wanted = self._world.log_window(partition)
            if found != [place for place in wanted if place in found]:
                raise Violated(f"stream {partition} has {found}, the log {wanted}")


def _added(changed: Mapping[str, Mapping[Any, tuple[Any, Any]]], table: str) -> list[Any]:
    return [new for _, new in changed.get(table, {}).values() if new]
