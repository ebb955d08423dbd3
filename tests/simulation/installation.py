"""Put the simulated servers, clock, threads and random numbers in place of the real ones, in the modules of the core.

A name of a module is replaced if it refers to one of the known objects: the core's code itself is not changed.
"""

import concurrent.futures
import logging
import random
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import circuitbreaker
import django.db
import uuid_utils
from django.apps import apps
from django.db import models
from django.db.models import functions
from django.utils import timezone
from uuid_utils import compat

from events import conf
from events.log import partitions, positions, reading, waiting
from events.models import Partition, WaitingEntry
from events.processes import migrations, patience
from events.relay import flush, partition_relay
from events.subscriber import load_subscriber
from tests.simulation import expressions, statements
from tests.simulation.queries import Model
from tests.simulation.substitutes import Clock, Event, Future, Lock, Threads, identifier
from tests.simulation.tables import Row

CORE = (
    "events.consumer.consumer",
    "events.consumer.hangs",
    "events.dead_letters.actions",
    "events.management.commands.relay_events",
    "events.operations.compaction",
    "events.operations.control",
    "events.operations.repartitioning",
    "events.operations.reset_group",
    "events.operations.reset_stream",
    "events.recording.outbox",
    "events.relay.turns",
    "readmodel.index.documents",
    "readmodel.subscriber",
)
"""Modules whose import loads all others of the core."""


class Logger:
    """Takes the place of a module's logger: only tracebacks of bugs matter."""

    def __init__(self, world: Callable[[], Any]) -> None:
        self._world = world

    def exception(self, *_: object) -> None:
        self._world().checker.bug(sys.exc_info()[1])

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 (logging's name)
        return False

    def debug(self, *_: object, **__: object) -> None:
        pass

    info = warning = error = critical = debug


class Connections:
    """`django.db.connections`: each task has a session."""

    def __init__(self, world: Callable[[], Any]) -> None:
        self._world = world

    def __getitem__(self, _alias: str) -> Any:
        return self._world().server.session()

    def __iter__(self) -> Iterator[str]:
        return iter(["default"])

    def all(self, *, initialized_only: bool = False) -> list[Any]:
        return [self._world().server.session()]

    def close_all(self) -> None:
        self._world().server.session().close()


class Transactions:
    """`django.db.transaction`."""

    def __init__(self, world: Callable[[], Any]) -> None:
        self._world = world

    def atomic(self, using: str) -> Any:
        return self._world().server.atomic(using)

    def mark_for_rollback_on_error(self, using: str) -> Any:
        return self._world().server.rolled_back_on_error(using)

    def on_commit(self, action: Callable[[], object], using: str, *, robust: bool) -> None:
        self._world().server.register(action)


class RandomNumbers:
    def __init__(self, world: Callable[[], Any]) -> None:
        self._world = world

    def uniform(self, low: float, high: float) -> float:
        return self._world().random.uniform(low, high)  # type: ignore[no-any-return]


class Tracebacks:
    """The module `traceback`, without the lines of the source, which take long to find."""

    @staticmethod
    def format_exception(error: BaseException) -> list[str]:
        return [repr(error)]


class Settings:
    """`events.conf.conf`: the world's settings, else the defaults."""

    def __init__(self) -> None:
        settings = {name: part for name, part in vars(conf.Conf).items() if isinstance(part, conf.Setting)}
        self._defaults = {name: part.default for name, part in settings.items()}
        self.use({})

    def use(self, settings: Mapping[str, Any]) -> None:
        vars(self).update(self._defaults, **settings)


class Installation:
    """The substitutes, which act on the world that is current."""

    def __init__(self) -> None:
        self.world: Any = None
        for name in CORE:
            import_module(name)
        self.models = {real: Model(real) for real in apps.get_app_config("events").get_models()}
        self._relate()
        self._replaced: list[tuple[ModuleType, str, Any]] = []
        self._clock = Clock()
        self._settings = Settings()
        self._batch_rows = positions.BATCH_ROWS

    def _relate(self) -> None:
        by_name = {model.__name__: found for model, found in self.models.items()}
        log = by_name["LogEntry"].name

        def entry(scope: expressions.Scope) -> Any:
            return self.world.server.database.at(
                self.world.server.database.tables[log], scope.row["entry_id"], scope.database.transaction
            )

        def place(scope: expressions.Scope) -> Any:
            database = self.world.server.database
            return database.at(database.tables[places], scope.row["id"], scope.database.transaction)

        def delete_place(transaction: Any, key: Any) -> None:
            transaction.put(self.world.server.database.tables[places], key, None)

        places = by_name["Position"].name
        for name in ("Position", "WaitingEntry"):
            by_name[name].related["entry"] = entry
        by_name["LogEntry"].related["place"] = place
        by_name["LogEntry"].delete_related = delete_place

    def _substitutes(self) -> dict[int, Any]:
        def world() -> Any:
            return self.world

        def scheduler() -> Any:
            return self.world.scheduler

        clock, threads = self._clock, Threads(scheduler)
        pairs: list[tuple[Any, Any]] = [
            *self.models.items(),
            (models.Q, expressions.Q),
            (models.F, expressions.F),
            (models.Value, expressions.Value),
            (models.OuterRef, expressions.OuterRef),
            (models.Exists, expressions.Exists),
            (models.Subquery, expressions.Subquery),
            (models.ExpressionWrapper, expressions.Wrapped),
            (models.Min, expressions.Min),
            (models.Max, expressions.Max),
            (models.Count, expressions.Count),
            (functions.Now, expressions.Now),
            (functions.Greatest, expressions.Greatest),
            (positions.SIZE, expressions.Size()),
            (time, clock),
            (timezone, clock),
            (time.monotonic, clock.monotonic),
            (traceback, Tracebacks()),
            (random, RandomNumbers(world)),
            (uuid.uuid4, lambda: identifier(self.world.random)),
            (uuid_utils.uuid4, lambda: identifier(self.world.random)),
            (compat.uuid7, lambda: identifier(self.world.random)),
            (threading.Event, lambda: Event(scheduler)),
            (threading.Lock, lambda: Lock(scheduler)),
            (threading.Thread, threads.thread),
            (concurrent.futures.ThreadPoolExecutor, threads.pool),
            (concurrent.futures.wait, threads.wait),
            (concurrent.futures.Future, Future),
            (patience.started, threads.started),
            (django.db.connections, Connections(world)),
            (django.db.transaction, Transactions(world)),
            (django.db.close_old_connections, lambda: None),
            (conf.conf, self._settings),
            (partitions.layout, self._layout),
            (partitions.forget_layout, self._forget_layout),
            (partitions.look_for_partitions, self._forget_layout),
            (waiting.waiting_in, self._waiting_in),
            (migrations.expect_migrated, lambda _app="": None),
            (flush._stream_of_requests, self._stream_of_requests),
            (load_subscriber, self._subscriber),
        ]
        return {id(real): substitute for real, substitute in pairs}

    @contextmanager
    def installed(self, *others: str) -> Iterator[None]:
        """Replace the names of the core, and of other modules, during the block."""
        substitutes, logger = self._substitutes(), Logger(lambda: self.world)
        readmodel = ("readmodel.index.documents", "readmodel.index.bulk", "readmodel.subscriber")
        names = {*readmodel, *others}
        modules = [found for name, found in sys.modules.items() if name.startswith("events.") or name in names]
        try:
            for module in [*modules, circuitbreaker]:
                for name, value in list(vars(module).items()):
                    substitute = logger if isinstance(value, logging.Logger) else substitutes.get(id(value))
                    if substitute is not None:
                        self._replaced.append((module, name, value))
                        setattr(module, name, substitute)
            yield
        finally:
            for module, name, value in reversed(self._replaced):
                setattr(module, name, value)
            self._replaced.clear()
            _limit_batches(self._batch_rows)

    def _layout(self) -> Any:
        return self.world.layout()

    def _forget_layout(self) -> None:
        self.world.forget_layout()

    def _waiting_in(self, partition: int, count: int) -> Any:
        return self.models[WaitingEntry].objects.filter(expressions.Home(partition, count))

    def _stream_of_requests(self) -> Any:
        return self.world.stream_of_requests()

    def _subscriber(self, group: str) -> Any:
        return self.world.subscriber(group)

    def new_partition(self, number: int) -> Row:
        return self.models[Partition].filled({"number": number})

    def begin(self, world: Any) -> None:
        """Make the world the current one, with empty tables."""
        self.world = self._clock.world = world
        self._settings.use(world.settings)
        _limit_batches(world.plan.batch_rows)
        flush.breaker.reset()
        for model in self.models.values():
            model.begin(world.server)
        world.server.run_statement = statements.run


def _limit_batches(rows: int) -> None:
    """Let the log give so many positions, and read so many events, at a time."""
    for module in (flush, partition_relay, positions, reading):
        module.BATCH_ROWS = rows
    reading.read_after.__kwdefaults__["limit"] = rows
