"""A simulated installation: its servers, and the processes that run the core's code on them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from operator import itemgetter
from random import Random
from typing import Any

import msgspec

from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.groups.ownership import Ownership, heartbeat_thread
from events.log.partitions import Layout, Origin
from events.management.commands.relay_events import _relay_or_log, _wait_for_work
from events.processes.limits import Limits
from events.processes.migrations import Tables
from events.processes.shutdown import Interrupted, Shutdown
from events.processes.throttled_log import ThrottledLog
from events.relay.turns import Relay
from events.stream.dsn import StreamDSN
from events.stream.redis_stream import RedisStream
from events.stream.signing import Signatures
from readmodel.projection import VERSION_STEP
from tests.simulation.checker import WATCHED, Checker
from tests.simulation.elasticsearch_server import ElasticsearchServer
from tests.simulation.plan import Plan, Unit
from tests.simulation.redis_server import Client, RedisServer, StreamKey
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.sessions import Server, call
from tests.simulation.subscribers import SUBSCRIBERS, Failed, Poisoned
from tests.simulation.tables import Database, Row, Table
from tests.things import ThingMoved

DSN = StreamDSN.parse("redis://localhost/simulated?auto_setup=true")
RESTART_SECONDS = 0.5
"""How long until a process that ended is started again."""
THINGS = 4
CHANGE, WRITE_IN_THE_LEDGER = call("change a thing"), call("write in the ledger")


class SimulatedStream(RedisStream):
    """The real stream, over a client of the simulated Redis."""

    server: RedisServer

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        super().__init__(DSN)

    def connect(self, timeout_seconds: float) -> Client:
        return Client(self.server)


class Rollback(Exception):
    """The unit of work fails."""


class World:
    """All state of a schedule."""

    def __init__(self, plan: Plan, new_partition: Callable[[int], Row]) -> None:
        self.plan = plan
        self.new_partition = new_partition
        self.random = Random(plan.seed + 1)
        self.scheduler = Scheduler(Random(plan.seed + 2), switching=plan.switching)
        self.database = Database(self.scheduler)
        self.server = Server(self.scheduler, self.database, vendor=plan.vendor)
        self.redis = RedisServer(self.scheduler, node_entries=plan.node_entries)
        self.elasticsearch = ElasticsearchServer(self.scheduler)
        self.checker = Checker(self)
        self.clock_offset = 0.0
        self.settings = {
            "stream_keys": ("simulated key",),
            "batch_size": plan.batch_size,
            "stream_max_length": plan.stream_max_length,
            "flush_on_commit": plan.flush_on_commit,
            "relay_interval_seconds": plan.relay_interval_seconds,
            "subscribers": {
                group: f"{SUBSCRIBERS[group].__module__}.{SUBSCRIBERS[group].__name__}" for group in plan.consumers
            },
        }
        self.processes: list[Process] = []
        self.shutdowns: dict[Process, Shutdown] = {}
        self.all_entries: dict[Any, Row] = {}
        self.is_attacking = False
        self.is_mended = False
        self.was_restored = False
        self._restored_in = 0
        """The number of the database's starts, of which the last was with the backup."""
        self._made_before = 0
        self.may_move_back = False
        self.repeats = False
        self.compacts = False
        self.kept = ["searched", "kept"][: plan.indices]
        """The aliases of the indices that are fed; the second one is a further target."""
        self.writers_left = 0
        self._refusals: Counter[tuple[str, str, int]] = Counter()
        self._streams: dict[Process | None, SimulatedStream] = {}
        self._layouts: dict[Process | None, Layout] = {}

    def begin(self) -> None:
        """Create the rows that `migrate` creates, and start the processes."""
        self.database.on_commit, self.database.watched = self.checker.committed, WATCHED
        self.redis.on_append = self.checker.appended
        for name in ("thing", "ledger"):
            self.database.tables[name] = Table(name, ["id"], [])
        things = self.table("thing")
        things.rows = {f"thing-{n}": {"id": f"thing-{n}", "notes": ()} for n in range(THINGS)}
        self.elasticsearch.refuses = self._refuse_document
        partitions = self.table("events_partition")
        partitions.rows = {n: self.new_partition(n) for n in range(self.plan.partitions)}
        for number in range(self.plan.relays):
            self.start(f"relay {number}", self._relay, restarts=True)
        for group, count in self.plan.consumers.items():
            for number in range(count):
                self.start(
                    f"{group} {number}",
                    lambda group=group, n=number: self._consume(group, f"{group} {n}"),
                    restarts=True,
                )
        for number, units in enumerate(filter(None, self.plan.writers)):
            self.writers_left += 1
            self._start_writer(f"writer {number}", list(units))

    def restore(self, backup: Any) -> None:
        """Go on with the database of a backup; everything else stays as it is."""
        self.database.restore(backup)
        self.checker.restored()
        self.server.start_again()
        self._restored_in, self._made_before = self.server.incarnation, self.elasticsearch.made

    def knows_of_restore(self) -> bool:
        """Tell whether the process has asked the database since a restore, which ended all sessions.

        What it had read before is nothing that it believes any more. Nothing is known of its other threads.
        """
        task = self.scheduler.current
        if not self.was_restored or task is None:
            return True
        return task is task.process.tasks[0] and self.server.session().incarnation >= self._restored_in

    def is_target_new(self, target: str) -> bool:
        """Tell whether the index was made after the restore, if there was one."""
        return int(target.rpartition(" ")[2]) > self._made_before

    # Tables

    def table(self, name: str) -> Table:
        return self.database.tables[name]

    def rows(self, name: str) -> Sequence[Row]:
        return list(self.database.tables[name].rows.values())

    def has_document(self, target: str, entry: Mapping[str, Any]) -> bool:
        """Tell whether the index has the event's state or a newer one, or is gone."""
        for index in self.elasticsearch.indices.values():
            if index.uuid == target:
                stored = index.documents.get(entry["subject"])
                return bool(stored and stored.version // VERSION_STEP >= entry["aggregate_version"])
        return True

    def note_of(self, entry: Mapping[str, Any]) -> str:
        return str(msgspec.json.decode(entry["data"])["note"])

    def truth(self) -> set[tuple[str, int, str]]:
        """Return the committed changes: thing, version and note."""
        return {
            (row["id"], version, note)
            for row in self.rows("thing")
            for version, note in enumerate(row["notes"], start=1)
        }

    def layout(self) -> Layout:
        """Return the partitions that the process knows of, which it reads without a call."""
        process = self.scheduler.current and self.scheduler.current.process
        if (known := self._layouts.get(process)) is None:
            known = self._layouts[process] = self.present_layout()
        return known

    def present_layout(self) -> Layout:
        rows = sorted(self.rows("events_partition"), key=itemgetter("number"))
        return [None if row["parent"] is None else Origin(row["parent"], row["parent_position"]) for row in rows]

    def forget_layout(self) -> None:
        self._layouts.pop(self.scheduler.current and self.scheduler.current.process, None)

    @property
    def partitions(self) -> int:
        return len(self.table("events_partition").rows)

    # Streams

    def partition_of_key(self, key: str) -> int:
        return 0 if key == DSN.stream else int(key.rpartition(":")[2])

    def key(self, partition: int) -> str:
        return DSN.stream if self.plan.partitions == 1 and partition == 0 else f"{DSN.stream}:{partition}"

    def stream_of_requests(self) -> SimulatedStream:
        process = self.scheduler.current and self.scheduler.current.process
        if process not in self._streams:
            self._streams[process] = SimulatedStream(self.redis)
        return self._streams[process]

    def stream_entries(self, partition: int) -> list[tuple[int, str]]:
        """Return the entries as positions and events, "" for what consumers don't believe, and for other data."""
        found = self.redis.keys.get(self.key(partition))
        if not isinstance(found, StreamKey):
            return [(-1, "no stream")] if found else []
        pairs = [(i, dict(zip(f[::2], f[1::2], strict=False))) for i, f in found.entries.items()]
        generation = self.table("events_partition").rows[partition]["generation"]
        signatures = Signatures(DSN.stream, partition, generation=generation)
        data = {str(event_id): entry["data"] for event_id, entry in self.all_entries.items()}

        def event(sequence: int, position: int, fields: dict[str, str]) -> str:
            is_own = sequence == 0 and signatures.verify(position, fields)
            return fields["id"] if is_own and fields["data"] == data.get(fields["id"]) else ""

        return [(position, event(sequence, position, fields)) for (position, sequence), fields in pairs]

    def log_window(self, partition: int) -> list[tuple[int, str]]:
        """Return the positions and events of the partition, also those that were compacted away."""
        places = sorted(self.checker.history.places.items())
        return [(position, str(entry["event_id"])) for (number, position), entry in places if number == partition]

    # Processes

    def start(self, name: str, run: Callable[[], None], *, restarts: bool = False) -> Process:
        process = Process(name)
        self.processes.append(process)

        def restart() -> None:
            self.start(name, run, restarts=True)

        process.on_end = (
            (lambda: self.scheduler.at(self.scheduler.now + RESTART_SECONDS, restart)) if restarts else None
        )

        def main() -> None:
            run()
            process.is_finished = True
            if process.on_end:
                process.on_end()

        self.scheduler.spawn(process, main)
        return process

    def kill(self, process: Process) -> None:
        """End the process; its supervisor starts it again."""
        if process.is_dead or process.is_finished:
            return
        self.scheduler.kill(process)
        if process.on_end:
            process.on_end()

    def shutdown(self) -> Shutdown:
        shutdown = Shutdown()
        assert self.scheduler.current
        self.shutdowns[self.scheduler.current.process] = shutdown
        return shutdown

    def terminate(self, process: Process) -> None:
        """Do what SIGTERM does."""
        if shutdown := self.shutdowns.get(process):
            shutdown.requested = True
            if shutdown._waiting and not process.is_dead:
                self.scheduler.interrupt(process.tasks[0], Interrupted())

    def _relay(self) -> None:
        """Do what `manage.py relay_events` does."""
        shutdown, stream = self.shutdown(), SimulatedStream(self.redis)
        throttled_log, tables, relay = ThrottledLog(_NO_LOG), Tables(), Relay(stream)
        try:
            while True:
                while _relay_or_log(relay, tables, throttled_log):
                    shutdown.check()
                _wait_for_work(stream, shutdown)
        except Interrupted:
            pass

    def _consume(self, group: str, name: str) -> None:
        """Do what `manage.py consume_events` does."""
        ownership = Ownership(group, name)
        limits = Limits(batch_size=self.plan.batch_size, block_seconds=1.0, started_at=self.scheduler.now)
        stream = SimulatedStream(self.redis)
        with heartbeat_thread(ownership):
            Consumer(self.subscriber(group), stream, ownership, shutdown=self.shutdown(), limits=limits).run()

    def subscriber(self, group: str) -> Any:
        return SUBSCRIBERS[group](self)

    # Writers

    def _start_writer(self, name: str, units: list[Unit]) -> None:
        process = self.start(name, lambda: self._write_all(units))

        def go_on() -> None:
            self._start_writer(name, units)

        process.on_end = lambda: units and self.scheduler.at(self.scheduler.now + RESTART_SECONDS, go_on)

    def _write_all(self, units: list[Unit]) -> None:
        while units:
            unit = units.pop(0)
            if not units:
                self.writers_left -= 1
            self.scheduler.sleep(unit.pause_seconds)
            try:
                self._write(unit)
            except Rollback:
                pass
            except Exception as error:
                if not _is_outage(error):
                    raise

    def _write(self, unit: Unit) -> None:
        with unit_of_work():
            for thing in unit.things:
                name = f"thing-{thing}"
                notes = self.server.statement(CHANGE, lambda t, name=name: self._change(t, name), writes=True)
                record(ThingMoved(name=name, version=len(notes), note=notes[-1]))
            if unit.fails:
                raise Rollback

    def _change(self, transaction: Any, name: str) -> tuple[str, ...]:
        table = self.table("thing")
        self.database.lock(transaction, ("thing", name))
        row = self.database.at(table, name, transaction)
        assert row
        notes = (*row["notes"], f"note {self.random.getrandbits(20)}")
        transaction.put(table, name, {**row, "notes": notes})
        return notes

    # What handlers do

    def _refuse_document(self, key: str, version: int) -> HTTPStatus | None:
        """Return the status with which Elasticsearch refuses the document: for good, or because it has no time."""
        if self.is_mended or not self.plan.refuses_documents:
            return None
        for thing, refused, is_final in self.plan.poison.get("index", ()):
            if (thing, refused) == (key, version):
                return HTTPStatus.BAD_REQUEST if is_final else HTTPStatus.TOO_MANY_REQUESTS
        return None

    def refuse_poison(self, group: str, batch: Sequence[Envelope]) -> None:
        if self.is_mended:
            return
        for thing, version, is_final in self.plan.poison[group]:
            if any(e.subject == thing and e.aggregate_version == version for e in batch):
                self._refusals[group, thing, version] += 1
                if self._refusals[group, thing, version] <= self.plan.most_refusals:
                    raise Poisoned if is_final else Failed

    def write_in_ledger(self, envelope: Envelope) -> None:
        def insert(transaction: Any) -> None:
            table = self.table("ledger")
            number = table.next_id()
            row = {"id": number, "event_id": envelope.id, "subject": envelope.subject}
            transaction.put(table, number, row)

        self.server.statement(WRITE_IN_THE_LEDGER, insert, writes=True)


class _NoLog:
    def error(self, *_: object) -> None:
        pass

    info = error


_NO_LOG: Any = _NoLog()


def _is_outage(error: Exception) -> bool:
    from events.transient import is_transient  # noqa: PLC0415

    return is_transient(error)
