"""The simulated database answers as the real one: the same calls of the core, in any order, have the same results."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from events import log, record, unit_of_work
from events.dead_letters import actions, parking
from events.envelope import Envelope
from events.exceptions import EventError, Unprocessable
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership, take_from_owner
from events.log import positions
from events.models import (
    Checkpoint,
    ConsumerGroup,
    DeadLetter,
    Lease,
    LogEntry,
    Member,
    Partition,
    Position,
    SigningKey,
    WaitingEntry,
)
from events.operations import control, reset_group
from events.relay import divergence, repair, signing_keys
from tests.simulation.plan import Plan
from tests.simulation.run import installation
from tests.simulation.world import World
from tests.things import ThingMade

GROUP, TARGET = "things", "index"
MEMBERS = ("one", "two")
TABLES = (
    Checkpoint,
    ConsumerGroup,
    DeadLetter,
    Lease,
    LogEntry,
    Member,
    Partition,
    Position,
    SigningKey,
    WaitingEntry,
)
DIFFERENT = {"traceback", "event_id", "id", "entry_id", "correlation_id", "letter_id"}
"""Columns with random values, or numbers that a rolled back transaction uses up."""
CALLS = 60

type Result = Any


class Calls:
    """Calls of the core's functions with arguments that `random` chooses; each returns what it found."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._owners = [Ownership(GROUP, name) for name in MEMBERS]
        for owner, name in zip(self._owners, MEMBERS, strict=True):
            owner.member = name
            owner.health.open()
        self._versions: dict[str, int] = {}

    def _owner(self) -> Ownership:
        return self._random.choice(self._owners)

    def _claim(self) -> Claim:
        return Claim(GROUP, TARGET, 0, self._owner().epochs.get(0, self._random.randint(0, 3)))

    def _position(self) -> int:
        return self._random.randint(0, 8)

    def _envelopes(self) -> list[Envelope]:
        return log.read_after(0, self._position(), limit=self._random.randint(1, 4))

    def record(self) -> Result:
        names = self._random.sample(["a", "b", "c"], self._random.randint(1, 3))
        with unit_of_work():
            for name in names:
                version = self._versions.get(name, 0) + 1
                record(ThingMade(name=name, version=version))
            if self._random.random() < 0.2:
                raise Unprocessable
            self._versions |= {name: self._versions.get(name, 0) + 1 for name in names}

    def record_a_taken_version(self) -> Result:
        with unit_of_work():
            record(ThingMade(name="a", version=1))

    def give_positions(self) -> Result:
        given = positions.give_positions(0, wait=self._random.random() < 0.5)
        return given.positions, len(given.event_ids), bool(given.event_before), given.generation

    def read(self) -> Result:
        return [(found.subject, found.aggregate_version, found.position) for found in self._envelopes()]

    def read_event(self) -> Result:
        return [log.read_event(found.id).position for found in self._envelopes()]

    def knows(self) -> Result:
        found = self._envelopes()
        return [log.knows(0, self._position(), str(envelope.id)) for envelope in found]

    def count(self) -> Result:
        number, newest = log.count_waiting(0)
        fitting = log.count_fitting(0, self._position(), limit=self._random.randint(1, 9))
        return number, log.is_waiting(0, up_to=newest), fitting, log.last_position(0)

    def heartbeat(self) -> Result:
        owner = self._owner()
        owner.heartbeat()
        return owner.assigned, owner.is_paused, owner.owns(0)

    def acquire(self) -> Result:
        return self._owner().acquire(0)

    def release(self) -> Result:
        owner = self._owner()
        return owner.release(0) if 0 in owner.epochs else None

    def leave(self) -> Result:
        return self._owner().leave()

    def expire(self) -> Result:
        past = Now() + timedelta(seconds=-60)
        return Lease.objects.filter(group=GROUP).update(expires_at=past)

    def take_from_owner(self) -> Result:
        return take_from_owner(GROUP, 0)

    def load(self) -> Result:
        return checkpoint.load(self._claim())

    def advance(self) -> Result:
        claim = self._claim()
        return checkpoint.advance(
            claim, self._position(), after=checkpoint.positions_by_claim(claim.group).get(claim, 0)
        )

    def advance_from_elsewhere(self) -> Result:
        return checkpoint.advance(self._claim(), self._position(), after=self._position())

    def attempts(self) -> Result:
        claim, position = self._claim(), self._position()
        return checkpoint.attempts(claim, position), checkpoint.count_attempt(claim, position)

    def hang(self) -> Result:
        claim = self._claim()
        return checkpoint.hung_to(claim), checkpoint.note_hang(claim, self._position()), checkpoint.hung_to(claim)

    def ask_all(self) -> Result:
        return (
            checkpoint.behind_the_log(),
            len(checkpoint.ahead_of_the_log()),
            checkpoint.positions(GROUP, TARGET),
            checkpoint.groups_of(0),
            checkpoint.other_targets(GROUP, 0, [TARGET]),
            checkpoint.reached_the_end(GROUP, [TARGET]),
        )

    def move_back(self) -> Result:
        return checkpoint.move_back_to(0, self._position())

    def forget(self) -> Result:
        return checkpoint.forget(GROUP, TARGET, partition=0) if self._random.random() < 0.2 else None

    def park(self) -> Result:
        claim = self._claim()
        for envelope in self._envelopes()[:1]:
            parking.park(claim, envelope, Unprocessable(), attempts=1)

    def queue(self) -> Result:
        return parking.queue_all(self._claim(), self._envelopes())

    def blocked(self) -> Result:
        found = parking.blocked(self._claim(), self._envelopes())
        return len(found.own), sorted(found.subjects.items()), parking.last_open_position(self._claim())

    def due(self) -> Result:
        settled_to = self._random.randrange(9)
        letter = parking.due(self._claim(), settled_to=settled_to, ordered=self._random.random() < 0.7)
        return letter and (letter.subject, letter.position, letter.state)

    def settle_letter(self) -> Result:
        claim = self._claim()
        letter = parking.due(claim, settled_to=self._random.randrange(9), ordered=True)
        if letter is None:
            return None
        if self._random.random() < 0.5:
            return parking.close(claim, letter)
        return parking.fail(claim, letter, Unprocessable())

    def retry(self) -> Result:
        return actions.retry(self._letters(), "operator").sentence("marked")

    def discard(self) -> Result:
        return actions.discard(self._letters()[:1], "operator", reason="a test").sentence("discarded")

    def _letters(self) -> list[int]:
        return list(DeadLetter.objects.order_by("id").values_list("id", flat=True))

    def ask(self) -> Result:
        return control.ask(self._random.choice(list(control.GroupRequest)), [GROUP])

    def reset(self) -> Result:
        plan = reset_group.plan_replay(GROUP, 0)
        reset_group.execute_replay(plan)
        return [(move.target, move.position, move.between.types) for move in plan.moves]

    def diverge(self) -> Result:
        found = "lost" if self._random.random() < 0.3 else ""
        Partition.objects.filter(number=0).update(divergence=found)
        return divergence.all_current(), divergence.current(0)

    def take_turn(self) -> Result:
        repair.count_foreign_entries(0, 2)
        Partition.objects.filter(number=0).update(repair_after=None)
        return repair._take_turn(0)

    def signing_key(self) -> Result:
        return signing_keys.is_known(), signing_keys.register()


def play(seed: int, dump: Callable[[], Result]) -> list[Result]:
    """Return the result of each call, or the name of its error, and what the tables have in the end."""
    random = Random(seed)
    calls = Calls(random)
    names = [name for name, value in vars(Calls).items() if callable(value) and not name.startswith("_")]
    setting_up = ["record", "give_positions", "heartbeat", "acquire", "load"]
    results: list[Result] = []
    for name in [*setting_up, *random.choices(names, k=CALLS)]:
        try:
            result = getattr(calls, name)()
        except EventError as error:
            result = type(error).__name__
        results.append((name, result))
    return [*results, *dump()]


def comparable(table: str, rows: Sequence[dict[str, Any]]) -> Result:
    """Return the rows without times and random values, in a definite order."""
    plain = [
        {
            name: value
            for name, value in row.items()
            if name not in DIFFERENT and not isinstance(value, datetime | UUID) and not name.endswith("_at")
        }
        for row in rows
    ]
    return table, sorted(plain, key=repr)


def dump_of_the_database() -> Result:
    return [comparable(model._meta.db_table, list(model.objects.values())) for model in TABLES]


class DatabaseContract:
    """A subclass chooses how many seeds it tries."""

    def compare(self, seed: int, settings: Any) -> None:
        settings.EVENTS_FLUSH_ON_COMMIT = False
        settings.EVENTS_SUBSCRIBERS = {GROUP: "tests.things.Recorder"}
        settings.EVENTS_STREAM_KEYS = ["a key"]
        settings.EVENTS_SOURCE = "/"
        real = play(seed, dump_of_the_database)

        simulated = self.simulate(seed)

        for index, (ours, theirs) in enumerate(zip(simulated, real, strict=True)):
            assert ours == theirs, f"result {index} is {ours}, and {theirs} on the real database"

    def simulate(self, seed: int) -> list[Result]:
        plan = Plan.of(0).quiet(connection.vendor)
        tables = [model._meta.db_table for model in TABLES]
        with installation().installed(__name__):
            world = World(plan, installation().new_partition)
            world.settings |= {"subscribers": {GROUP: "tests.things.Recorder"}, "stream_keys": ["a key"]}
            installation().begin(world)
            world.begin()
            world.database.on_commit = lambda _: None  # These calls keep no guarantees.
            return play(seed, lambda: [comparable(table, world.rows(table)) for table in tables])
