"""Let the faults of a plan happen: to the call of a server that is being made, or to the whole installation."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

from django.db import Error
from redis import ResponseError

from events.dead_letters import actions
from events.envelope import MAC
from events.exceptions import EventError
from events.models import Partition
from events.operations import control
from events.operations.compaction import compact
from events.operations.repartitioning import execute_repartitioning, plan_repartitioning
from events.operations.reset_group import execute_replay, plan_replay
from events.operations.reset_stream import execute_reset, plan_reset
from tests.simulation.expressions import EPOCH
from tests.simulation.plan import Fault
from tests.simulation.redis_server import Id, StreamKey, shown
from tests.simulation.scheduler import Call, Crash
from tests.simulation.world import RESTART_SECONDS, SimulatedStream, World

type Afterwards = Callable[[], None] | None
SHORT_STOP_SECONDS = 0.3
MOST_PARTITIONS = 8


class Faults:
    """The faults that are still to come."""

    def __init__(self, world: World, faults: Sequence[Fault]) -> None:
        self.happened: list[tuple[str, str]] = []
        self.is_reset = False
        """Whether an operator has reset the stream, as is due after a restore."""
        self._world = world
        self._backup: Any = None
        self._remembered: dict[str, list[list[str]]] = {}
        world.scheduler.on_fault = self._on_call
        self.begin(faults)

    def begin(self, faults: Sequence[Fault]) -> None:
        """Let these faults happen, at steps that count from now."""
        scheduler = self._world.scheduler
        self._first = scheduler.steps
        self.left = [fault for fault in faults if not fault.at]
        self._aimed = [fault for fault in faults if fault.at]
        scheduler.watched = Counter(fault.at for fault in self._aimed)
        self._seen: Counter[str] = Counter()
        self._await_next()

    def hurry(self) -> None:
        """Let the next fault happen at the next call: nothing else is to come."""
        self._world.scheduler.next_fault_step = self._world.scheduler.steps + 1

    def _await_next(self) -> None:
        self._world.scheduler.next_fault_step = self._first + self.left[0].step if self.left else float("inf")

    def _on_call(self, call: Call) -> Afterwards:
        if call.kind in self._world.scheduler.watched:
            self._seen[call.kind] += 1
            for fault in self._aimed:
                if fault.at == call.kind and fault.step == self._seen[call.kind]:
                    return self._happen(fault, call)
        if self.left and self._world.scheduler.steps >= self._world.scheduler.next_fault_step:
            fault = self.left.pop(0)
            self._await_next()
            return self._happen(fault, call)
        return None

    def _happen(self, fault: Fault, call: Call) -> Afterwards:
        scheduler = self._world.scheduler
        assert scheduler.current
        place = f"{scheduler.now:9.4f} {scheduler.current.process.name:<12} {call.kind}"
        self.happened.append((fault.kind, place))
        if scheduler.trace is not None:
            scheduler.trace.append(f"{place}: {fault.kind} <<<")
        action = getattr(self, f"_{fault.kind.replace(' ', '_')}")
        return action(call, Random(fault.number))  # type: ignore[no-any-return]

    # Faults of a call

    def _kill_current(self) -> None:
        task = self._world.scheduler.current
        assert task
        self._world.kill(task.process)
        raise Crash

    def _crash_before(self, call: Call, random: Random) -> Afterwards:
        self._kill_current()
        return None

    def _crash_after(self, call: Call, random: Random) -> Afterwards:
        return self._kill_current

    def _fail(self, call: Call, random: Random) -> Afterwards:
        raise self._failure(call)

    def _failure(self, call: Call) -> Exception:
        task = self._world.scheduler.current
        assert task
        return call.failure(task)

    def _lose_the_reply(self, call: Call, random: Random) -> Afterwards:
        def lose() -> None:
            raise self._failure(call)

        return lose

    def _stop(self, random: Random) -> None:
        scheduler = self._world.scheduler
        assert scheduler.current
        process = scheduler.current.process
        has_leases = process.name.partition(" ")[0] in self._world.plan.consumers
        seconds = random.choice(self._world.plan.size.stops_seconds) if has_leases else SHORT_STOP_SECONDS
        process.stopped_until = scheduler.now + seconds
        scheduler.sleep(0)

    def _stop_before(self, call: Call, random: Random) -> Afterwards:
        self._stop(random)
        return None

    def _stop_after(self, call: Call, random: Random) -> Afterwards:
        return lambda: self._stop(random)

    # Faults of Redis

    def _keys(self) -> list[tuple[str, StreamKey]]:
        return [(key, found) for key, found in self._world.redis.keys.items() if isinstance(found, StreamKey)]

    def _wipe(self, call: Call, random: Random) -> None:
        self._remember()
        self._world.redis.restore({})

    def _trim(self, call: Call, random: Random) -> None:
        for key, _ in self._keys():
            self._world.redis.trim(key, random.choice([0, 0, 1]), approximate=False)

    def _lose_an_entry(self, call: Call, random: Random) -> None:
        for _, stream in self._keys():
            if stream.entries:
                del stream.entries[random.choice(list(stream.entries))]

    def _destroy_the_groups(self, call: Call, random: Random) -> None:
        for key, stream in self._keys():
            stream.groups.clear()
            self._world.redis.changed(key)

    def _set_the_groups_back(self, call: Call, random: Random) -> None:
        for _, stream in self._keys():
            for group in stream.groups.values():
                group.delivered = (0, 0)

    def _fail_over(self, call: Call, random: Random) -> None:
        """Go on with a replica that lacks the last entries."""
        for key, stream in self._keys():
            ids = list(stream.entries)
            lost = ids[len(ids) - random.randint(0, 3) :] if ids else []
            for entry_id in lost:
                del stream.entries[entry_id]
            if lost:
                kept = list(stream.entries)
                stream.last = kept[-1] if kept else (max(lost[0][0] - 1, 0), 0)
            for group in stream.groups.values():
                group.delivered = min(group.delivered, stream.last)
                group.pending = {i: c for i, c in group.pending.items() if i <= stream.last}
            self._world.redis.changed(key)

    def _redis_away(self, call: Call, random: Random) -> None:
        self._world.redis.away_until = self._world.scheduler.now + random.choice(self._world.plan.size.outages_seconds)

    def _redis_full(self, call: Call, random: Random) -> None:
        redis = self._world.redis
        redis.is_full = True
        self._world.scheduler.at(
            self._world.scheduler.now + random.choice([0.5, 3.0]), lambda: setattr(redis, "is_full", False)
        )

    # Forgeries: whoever makes them can write to Redis, and has no key

    def _attack(self, key: str, entry_id: Id, fields: Sequence[str]) -> None:
        if isinstance(self._world.redis.keys.get(key), str):
            return  # Redis refuses it: an earlier attack has left something that is no stream.
        self._world.is_attacking = True
        try:
            with suppress(ResponseError):  # The stream may be beyond this id.
                self._world.redis.add(key, shown(entry_id), fields)
        finally:
            self._world.is_attacking = False

    def _own_entries(self, random: Random) -> tuple[str, StreamKey, list[str]] | None:
        found = [(key, stream, fields) for key, stream in self._keys() for fields in stream.entries.values()]
        own = [(key, stream, list(fields)) for key, stream, fields in found if "data" in fields]
        return random.choice(own) if own else None

    def _forge(self, call: Call, random: Random) -> None:
        key = self._world.key(random.randrange(self._world.partitions))
        stream = self._world.redis.keys.get(key)
        last = stream.last if isinstance(stream, StreamKey) else (0, 0)
        entry_id = random.choice([(last[0] + 1, 0), (last[0], last[1] + 1), (1_795_456_618_552, 0), (last[0] + 2, 0)])
        self._attack(key, entry_id, ["KEY", "VALUE"])

    def _alter(self, call: Call, random: Random) -> None:
        if found := self._own_entries(random):
            key, stream, fields = found
            at = fields.index("data") + 1
            fields[at] = fields[at].replace('"note ', '"forged ')
            if random.random() < 0.5:
                fields[fields.index("id") + 1] = "00000000-0000-4000-8000-000000000000"
            self._attack(key, (stream.last[0] + 1, 0), _perhaps_unsigned(fields, random))

    def _repeat(self, call: Call, random: Random) -> None:
        """Add an entry again, as the next one, or the last one at its own position: its MAC covers that."""
        if found := self._own_entries(random):
            key, stream, fields = found
            if random.random() < 0.3:
                last = list(stream.entries[max(stream.entries)])
                self._attack(key, (stream.last[0], stream.last[1] + 1), last)
            else:
                self._attack(key, (stream.last[0] + 1, 0), fields)

    def _move(self, call: Call, random: Random) -> None:
        """Add an entry of one partition to another one, or to a stream that was emptied, at its own position."""
        if found := self._own_entries(random):
            key, stream, fields = found
            position = next(i for i, kept in stream.entries.items() if kept == fields)
            other = self._world.key(random.randrange(self._world.partitions))
            if other == key:
                self._world.redis.delete(key)
            target = self._world.redis.keys.get(other)
            if not isinstance(target, StreamKey) or target.last < position:
                self._attack(other, position, fields)

    def _rewrite(self, call: Call, random: Random) -> None:
        """Fill the stream again, with an entry that was altered, or taken from elsewhere, among the true ones."""
        if found := self._own_entries(random):
            key, stream, other = found
            entries = [(entry_id, list(fields)) for entry_id, fields in stream.entries.items()]
            place = random.randrange(len(entries))
            entry_id, fields = entries[place]
            if random.random() < 0.5 and "data" in fields:
                at = fields.index("data") + 1
                fields[at] = fields[at].replace('"note ', '"forged ')
                fields = _perhaps_unsigned(fields, random)
            else:
                everywhere = [*self._own_entries_of_all(), *self._remembered.get(key, [])]
                fields = random.choice(everywhere) if everywhere else other
            entries[place] = (entry_id, fields)
            self._world.redis.delete(key)
            for entry_id, kept in entries:
                self._attack(key, entry_id, kept)

    def _own_entries_of_all(self) -> list[list[str]]:
        return [list(fields) for _, stream in self._keys() for fields in stream.entries.values() if "data" in fields]

    def _remember(self) -> None:
        """Keep what the streams have, as somebody who reads along could, to be written again later."""
        for key, stream in self._keys():
            self._remembered[key] = [list(fields) for fields in stream.entries.values() if "data" in fields]

    def _no_stream(self, call: Call, random: Random) -> None:
        key = self._world.key(random.randrange(self._world.partitions))
        self._world.redis.keys[key] = "a text"
        self._world.redis.changed(key)

    # Faults of the rest

    def _crash_the_database(self, call: Call, random: Random) -> None:
        self._world.may_move_back = True
        self._world.database.crash()
        self._world.server.start_again()

    def _jump_of_the_clock(self, call: Call, random: Random) -> None:
        seconds = random.choice([-10.0, -2.0, 2.0, 5.0, 3600.0])
        if random.random() < 0.5:
            self._world.clock_offset += seconds
        else:
            self._world.server.clock_offset += seconds

    def _terminate(self, call: Call, random: Random) -> None:
        alive = [p for p in self._world.shutdowns if not p.is_dead and not p.is_finished]
        if alive:
            self._world.terminate(random.choice(alive))

    def _lose_an_index(self, call: Call, random: Random) -> None:
        indices = self._world.elasticsearch.indices
        if indices:
            del indices[random.choice(list(indices))]

    # Operators

    def operate(self, work: Callable[[], object], *, until_done: bool = False) -> None:
        """Let an operator's process do the work; with `until_done` it is tried again after a failure."""

        def run() -> None:
            try:
                work()
            except (EventError, Error, Partition.DoesNotExist):  # The commands say so in a sentence.
                return
            process.on_end = None
            self.is_reset |= work == self.reset_the_stream

        def again() -> None:
            self.operate(work, until_done=True)

        scheduler = self._world.scheduler
        process = self._world.start("operator", run)
        if until_done:
            process.on_end = lambda: scheduler.at(scheduler.now + RESTART_SECONDS, again)

    def _group(self, random: Random) -> str:
        return random.choice(list(self._world.plan.consumers))

    def _pause(self, call: Call, random: Random) -> None:
        group, scheduler = self._group(random), self._world.scheduler
        self.operate(lambda: control.ask(control.GroupRequest.PAUSE, [group]))
        resume = scheduler.now + random.choice([0.5, 3.0])
        scheduler.at(resume, lambda: self.operate(lambda: control.ask(control.GroupRequest.RESUME, [group])))

    def _stop_the_group(self, call: Call, random: Random) -> None:
        group = self._group(random)
        self.operate(lambda: control.ask(control.GroupRequest.STOP, [group]))

    def _reset_the_group(self, call: Call, random: Random) -> None:
        """Repeat the events of all partitions, or of one."""
        group = self._group(random)
        partition = random.randrange(self._world.partitions) if random.random() < 0.5 else None
        self._world.may_move_back = self._world.repeats = True
        self.operate(lambda: execute_replay(plan_replay(group, 0, partition=partition)))

    def _retry_the_letters(self, call: Call, random: Random) -> None:
        self.operate(lambda: actions.retry(self.letters(), "operator"))

    def _discard(self, call: Call, random: Random) -> None:
        self.operate(lambda: actions.discard(self.letters()[:1], "operator", reason="tried"))

    def _compact(self, call: Call, random: Random) -> None:
        self._world.compacts = True
        before = EPOCH + timedelta(seconds=self._world.scheduler.now)
        partition = random.randrange(self._world.partitions)
        self.operate(lambda: list(compact(partition, before=before, dry_run=False)))

    def _repartition(self, call: Call, random: Random) -> None:
        """Give the log twice or four times as many partitions."""

        def repartition() -> None:
            stream = SimulatedStream(self._world.redis)
            execute_repartitioning(stream, plan_repartitioning(stream, to))

        to = min(self._world.partitions * random.choice([2, 2, 4]), MOST_PARTITIONS)
        self.operate(repartition)

    def _rebuild(self, call: Call, random: Random) -> None:
        """Let a further index be fed from the start of the log."""
        self._world.kept.append(f"rebuilt {len(self._world.kept)}")

    def _drop_an_index(self, call: Call, random: Random) -> None:
        """Delete the oldest index after the alias was moved to the next one."""
        if len(self._world.kept) > 1:
            self._world.elasticsearch.drop(self._world.kept.pop(0))

    def letters(self) -> list[int]:
        return [row["id"] for row in self._world.rows("events_dead_letter")]

    # A database that is restored from a backup

    def _back_up(self, call: Call, random: Random) -> None:
        self._backup = self._world.database.backup()
        self._world.checker.backed_up()

    def _restore(self, call: Call, random: Random) -> None:
        world = self._world
        world.was_restored = True
        if self._backup is not None:
            world.restore(self._backup)

    def _reset_the_stream(self, call: Call, random: Random) -> None:
        if self._world.was_restored:
            self.operate(self.reset_the_stream)

    def reset_the_stream(self) -> None:
        """Do what an operator does after a restore."""
        stream = SimulatedStream(self._world.redis)
        execute_reset(stream, plan_reset(stream, log_was_restored=True))


def _perhaps_unsigned(fields: list[str], random: Random) -> list[str]:
    """Leave out the MAC of an entry's fields, or not."""
    if MAC not in fields or random.random() < 0.7:
        return fields
    at = fields.index(MAC)
    return [*fields[:at], *fields[at + 2 :]]
