"""The tables of the simulated database: transactions with row locks, as PostgreSQL has them under READ COMMITTED.

A statement sees what was committed before it began, and its own transaction's changes. A write waits for the lock of
its row, and then decides anew by the row's committed state. An insert waits for another one of the same key.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from django.db import IntegrityError, OperationalError

from tests.simulation.scheduler import Queue, Scheduler

type Row = dict[str, Any]
type Key = Any
type Lock = tuple[Any, ...]
type Changes = dict[str, dict[Key, Row | None]]


class Table:
    """Rows by their key; rows are never changed in place."""

    def __init__(self, name: str, key: Sequence[str], unique: Sequence[Sequence[str]]) -> None:
        self.name = name
        self.key = tuple(key)
        self._key_of = itemgetter(*key)
        self.unique = [(tuple(columns), itemgetter(*columns)) for columns in unique]
        self.rows: dict[Key, Row] = {}
        self.last_id = 0

    def clear(self) -> None:
        self.rows = {}
        self.last_id = 0

    def key_of(self, row: Row) -> Key:
        return self._key_of(row)

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id


class Transaction:
    __slots__ = ("changes", "is_over", "locks", "savepoints")

    def __init__(self) -> None:
        self.changes: Changes = {}
        self.locks: list[Lock] = []
        self.savepoints: list[Changes] = []
        self.is_over = False

    def put(self, table: Table, key: Key, row: Row | None) -> None:
        self.changes.setdefault(table.name, {})[key] = row

    def save(self) -> None:
        self.savepoints.append({name: dict(rows) for name, rows in self.changes.items()})

    def restore(self) -> None:
        self.changes = self.savepoints.pop()


class Database:
    """All tables. `on_commit` gets each transaction's changes of some tables after they are visible."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.tables: dict[str, Table] = {}
        self.on_commit: Callable[[Mapping[str, Mapping[Key, tuple[Row | None, Row | None]]]], None] = lambda _: None
        self.watched: Container[str] = ()
        """The tables whose changes `on_commit` gets."""
        self.open: set[Transaction] = set()
        self._owners: dict[Lock, Transaction] = {}
        self._waiting: dict[Lock, Queue] = {}
        self._undo: list[tuple[Table, Key, Row | None]] = []
        """What a crash of the server may take back: the commits that did not wait for the disk."""

    def visible(self, table: Table, transaction: Transaction | None) -> Iterable[Row]:
        own = transaction.changes.get(table.name) if transaction else None
        if not own:
            return table.rows.values()
        return [row for row in {**table.rows, **own}.values() if row is not None]

    def at(self, table: Table, key: Key, transaction: Transaction | None) -> Row | None:
        own = transaction.changes.get(table.name) if transaction else None
        return own[key] if own and key in own else table.rows.get(key)

    def lock(self, transaction: Transaction, lock: Lock) -> bool:
        """Lock until the transaction ends; tell whether that took a wait. Raise OperationalError if it was ended."""
        has_waited = False
        while (owner := self._owners.get(lock)) is not transaction:
            if owner is None:
                self._owners[lock] = transaction
                transaction.locks.append(lock)
                break
            has_waited = True
            assert self.scheduler.current, "the tests themselves must not wait for a lock"
            self.scheduler.wait_in(self._waiting.setdefault(lock, []))
            if transaction.is_over:
                raise OperationalError("the session was ended")
        return has_waited

    def is_locked(self, transaction: Transaction, lock: Lock) -> bool:
        return self._owners.get(lock, transaction) is not transaction

    def choose(
        self, table: Table, transaction: Transaction, fits: Callable[[Row], bool], chosen: Sequence[Row]
    ) -> Iterable[tuple[Key, Row]]:
        """Lock the rows that a statement has chosen; yield those that still fit, as they are then."""
        for seen in chosen:
            key = table.key_of(seen)
            row: Row | None = seen
            if self.lock(transaction, (table.name, key)):
                row = self.at(table, key, transaction)
            if row is not None and (row is seen or fits(row)):
                yield key, row

    def insert(self, table: Table, transaction: Transaction, row: Row, *, ignores_conflicts: bool = False) -> bool:
        """Insert a row; tell whether it was inserted, or raise IntegrityError for a key that is taken."""
        key = table.key_of(row)
        if key is not None:
            self.lock(transaction, (table.name, key))
            if self.at(table, key, transaction):
                return self._refuse(table, table.key, ignores=ignores_conflicts)
        for columns, values_of in table.unique:
            values = values_of(row)
            if values is None or (len(columns) > 1 and None in values):
                continue
            self.lock(transaction, (table.name, columns, values))
            if values in map(values_of, self.visible(table, transaction)):
                return self._refuse(table, columns, ignores=ignores_conflicts)
        transaction.put(table, key, row)
        return True

    @staticmethod
    def _refuse(table: Table, columns: Sequence[str], *, ignores: bool) -> bool:
        if ignores:
            return False
        raise IntegrityError(f"UNIQUE constraint failed: {', '.join(f'{table.name}.{c}' for c in columns)}")

    def begin(self) -> Transaction:
        transaction = Transaction()
        self.open.add(transaction)
        return transaction

    def commit(self, transaction: Transaction, *, waits_for_disk: bool = True) -> None:
        changed = {}
        if waits_for_disk and transaction.changes and self._undo:
            self._undo.clear()
        for name, rows in transaction.changes.items():
            table = self.tables[name]
            current = table.rows
            if name in self.watched:
                changed[name] = {key: (current.get(key), row) for key, row in rows.items()}
            if not waits_for_disk:
                self._undo += [(table, key, current.get(key)) for key in rows]
            for key, row in rows.items():
                if row is None:
                    current.pop(key, None)
                else:
                    current[key] = row
        self.end(transaction)
        if changed:
            self.on_commit(changed)

    def end(self, transaction: Transaction) -> None:
        """Release the locks; what was not committed is gone."""
        transaction.is_over = True
        self.open.discard(transaction)
        for lock in transaction.locks:
            del self._owners[lock]
            if waiting := self._waiting.pop(lock, None):
                self.scheduler.wake_all(waiting)
        transaction.locks.clear()

    def crash(self) -> None:
        """End all transactions, and take back the commits that did not wait for the disk."""
        for transaction in list(self.open):
            self.end(transaction)
        while self._undo:
            table, key, row = self._undo.pop()
            if row is None:
                table.rows.pop(key, None)
            else:
                table.rows[key] = row

    def backup(self) -> Mapping[str, tuple[Mapping[Key, Row], int]]:
        return {name: (dict(table.rows), table.last_id) for name, table in self.tables.items()}

    def restore(self, backup: Mapping[str, tuple[Mapping[Key, Row], int]]) -> None:
        self._undo.clear()
        self.crash()
        for name, (rows, last_id) in backup.items():
            self.tables[name].rows = dict(rows)
            self.tables[name].last_id = last_id
