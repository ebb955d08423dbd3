"""Check the guarantees once all is at rest: the effects of each group, and the streams, are those of the log."""

from collections import defaultdict
from operator import itemgetter
from typing import Any
from uuid import UUID

from readmodel.projection import VERSION_STEP
from tests.simulation.checker import Violated


class End:
    """The world at rest."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def check(self) -> None:
        world = self._world
        truth = world.truth()
        logged = sorted((e["subject"], e["aggregate_version"], world.note_of(e)) for e in world.rows("events_log"))
        missing = [part for part in logged if part not in truth]
        if missing:
            raise Violated(f"the log has events without a change: {missing}")
        if not world.compacts and len(truth) != len(logged):
            raise Violated(f"changes {truth} and events {logged} differ")
        self._check_newest({(row["id"], len(row["notes"])) for row in world.rows("thing") if row["notes"]})
        for group in world.plan.consumers:
            getattr(self, f"_check_{group}")()
        self._check_streams()

    def _check_newest(self, newest: set[tuple[str, int]]) -> None:
        """The log has each thing's newest event: compaction drops only what a later one has replaced."""
        kept = {(entry["subject"], entry["aggregate_version"]) for entry in self._world.rows("events_log")}
        if lost := newest - kept:
            raise Violated(f"the log lacks the newest events of things: {sorted(lost)}")

    def _newest(self, group: str, target: str) -> dict[str, Any]:
        """Return the newest event of each thing that is not discarded."""
        discarded = self._discarded(group, target)
        newest: dict[str, Any] = {}
        for entry in sorted(self._world.rows("events_log"), key=lambda row: row["aggregate_version"]):
            if entry["event_id"] not in discarded:
                newest[entry["subject"]] = entry
        return newest

    def _discarded(self, group: str, target: str) -> set[UUID]:
        return {
            letter["event_id"]
            for letter in self._world.rows("events_dead_letter")
            if (letter["group"], letter["target"], letter["state"]) == (group, target, "discarded")
        }

    def _check_index(self) -> None:
        for name, index in self._world.elasticsearch.indices.items():
            newest = self._newest("index", index.uuid)
            expected = {
                subject: (entry["aggregate_version"] * VERSION_STEP, self._world.note_of(entry))
                for subject, entry in newest.items()
            }
            found = {key: (stored.version, stored.source["note"]) for key, stored in index.documents.items()}
            if any(found.get(key) != wanted for key, wanted in expected.items()) or (
                found.keys() - expected.keys() and not self._world.checker.history.discarded
            ):
                raise Violated(f"index {name} has {found}, the log {expected}")

    def _check_gate(self) -> None:
        """At least once: the gate has each event of this log, whatever it got of one that is lost."""
        discarded, received = self._discarded("gate", ""), self._world.checker.history.settled["gate", ""]
        for entry in self._world.rows("events_log"):
            if entry["event_id"] not in received | discarded:
                raise Violated(f"the gate lacks {entry['subject']} v{entry['aggregate_version']}")

    def _check_ledger(self) -> None:
        """Exactly once: unless a group was reset, no event has two lines."""
        self._check_last_lines()
        lines: dict[UUID, int] = defaultdict(int)
        for row in self._world.rows("ledger"):
            lines[row["event_id"]] += 1
        discarded = self._discarded("ledger", "")
        if invented := lines.keys() - {entry["event_id"] for entry in self._world.checker.history.places.values()}:
            raise Violated(f"the ledger has events that the log does not have: {invented}")
        for entry in self._world.rows("events_log"):
            count = lines[entry["event_id"]]
            if count == 0 and entry["event_id"] not in discarded:
                raise Violated(f"the ledger lacks {entry['subject']} v{entry['aggregate_version']}")
            if count > 1 and not self._world.repeats:
                raise Violated(f"the ledger has {entry['subject']} v{entry['aggregate_version']} {count} times")

    def _check_last_lines(self) -> None:
        """In order, also after a reset of the group: a thing's last line is that of its newest event."""
        last: dict[str, int] = defaultdict(int)
        for row in sorted(self._world.rows("ledger"), key=itemgetter("id")):
            last[row["subject"]] = self._world.all_entries[row["event_id"]]["aggregate_version"]
        for subject, newest in self._newest("ledger", "").items():
            if last[subject] < newest["aggregate_version"]:
                raise Violated(
                    f"the ledger ends with v{last[subject]} of {subject}, not v{newest['aggregate_version']}"
                )

    def _check_streams(self) -> None:
        for partition in range(self._world.partitions):
            found = self._world.stream_entries(partition)
            wanted = self._world.log_window(partition)
            if found != [place for place in wanted if place in found]:
                raise Violated(f"stream {partition} has {found}, the log {wanted}")
