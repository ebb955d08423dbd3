"""The simulated database server, and the sessions of the core's code: what django.db offers, as far as it is used."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

from django.db import OperationalError

from tests.simulation.scheduler import Call, Scheduler, Task
from tests.simulation.tables import Database, Transaction


def _no_answer() -> Exception:
    return OperationalError("the database does not answer")


def _lose_session(task: Task) -> Exception:
    if task.session:
        task.session.abort()
    return _no_answer()


@cache
def call(kind: str) -> Call:
    """Return this kind of call of the database, whose failure ends the session."""
    return Call(kind, _lose_session)


COMMIT, SAVEPOINT = call("commit"), call("savepoint")


class View:
    """What expressions see of the database."""

    __slots__ = ("clock", "transaction")

    def __init__(self, clock: Callable[[], float], transaction: Transaction | None) -> None:
        self.clock = clock
        self.transaction = transaction


class Session:
    """A task's session, with Django's attributes of a connection."""

    connection = object()
    autocommit = True
    settings_dict = {"AUTOCOMMIT": True}
    pool = None

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.vendor = server.vendor
        self.ops = self
        self.alias = "default"
        self.transaction: Transaction | None = None
        self.incarnation = server.incarnation
        self.depth = 0
        self.must_roll_back = False
        self.on_commit: list[Callable[[], object]] = []

    @property
    def in_atomic_block(self) -> bool:
        return self.depth > 0

    def adapt_datetimefield_value(self, value: Any) -> Any:
        return value

    def abort(self) -> None:
        """The client is gone, or the server ended the session: its transaction is rolled back."""
        if self.transaction and not self.transaction.is_over:
            self.server.database.end(self.transaction)

    def close(self) -> None:
        self.abort()
        self.transaction = None

    def cursor(self) -> "Cursor":
        return Cursor(self)


class Cursor:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: list[Any] = []
        self.rowcount = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, text: str, parameters: Sequence[Any] = ()) -> None:
        self._rows, self.rowcount = self._session.server.execute(text, parameters)

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Any]:
        return self._rows


class Server:
    """The database as clients see it: statements, each in a transaction, that may fail or lose their reply."""

    def __init__(self, scheduler: Scheduler, database: Database, *, vendor: str) -> None:
        self.scheduler = scheduler
        self.database = database
        self.vendor = vendor
        self.clock_offset = 0.0
        self.incarnation = 0
        """Counts the server's starts: a session does not outlive one."""
        self.numbers: Counter[int] = Counter()
        self.run_statement: Callable[..., Any] = lambda *_: None
        self._outside = Session(self)
        self._view = View(self.clock, None)

    def clock(self) -> float:
        return self.scheduler.now + self.clock_offset

    def view(self, transaction: Transaction | None) -> View:
        return View(self.clock, transaction) if transaction else self._view

    def session(self) -> Session:
        task = self.scheduler.current
        if task is None:
            return self._outside
        if task.session is None:
            task.session = Session(self)
        return task.session  # type: ignore[no-any-return]

    def start_again(self) -> None:
        """End all sessions."""
        self.incarnation += 1

    def next_number(self, partition: int) -> int:
        """Return the next number of a sequence, which no rollback takes back."""
        self.numbers[partition] += 1
        return self.numbers[partition]

    def execute(self, text: str, parameters: Sequence[Any]) -> tuple[list[Any], int]:
        return self.run_statement(self, text, parameters)  # type: ignore[no-any-return]

    def statement[Result](
        self, call: Call, run: Callable[[Any], Result], *, writes: bool, waits_for_disk: bool = True
    ) -> Result:
        """Run a statement in the session's transaction, or in one of its own."""
        session = self.session()
        afterwards = self.scheduler.enter(call)
        if session.incarnation != self.incarnation:
            session.incarnation = self.incarnation
            session.abort()
            raise _no_answer()
        if session.depth:
            result = self._run_within(session, run)
        elif writes:
            result = self._run_alone(run, waits_for_disk=waits_for_disk)
        else:
            result = run(None)
        if afterwards:
            afterwards()
        return result

    def _run_alone[Result](self, run: Callable[[Any], Result], *, waits_for_disk: bool) -> Result:
        transaction = self.database.begin()
        try:
            if self.vendor == "sqlite":
                self._lock_all(transaction)
            result = run(transaction)
        except BaseException:
            if not transaction.is_over:
                self.database.end(transaction)
            raise
        if transaction.is_over:
            raise _no_answer()
        self.database.commit(transaction, waits_for_disk=waits_for_disk)
        return result

    def _run_within[Result](self, session: Session, run: Callable[[Any], Result]) -> Result:
        if session.transaction is None:
            session.transaction = self.database.begin()
            if self.vendor == "sqlite":
                self._lock_all(session.transaction)
        if session.transaction.is_over:
            raise _no_answer()
        return run(session.transaction)

    def _lock_all(self, transaction: Transaction) -> None:
        """Let SQLite have one writer at a time: its transactions are IMMEDIATE."""
        self.database.lock(transaction, ("database",))

    def atomic(self, using: str = "") -> "Transactional":
        session = self.session()
        return Savepoint(session) if session.depth else Transactional(session)

    def commit(self, session: Session) -> None:
        transaction, session.transaction = session.transaction, None
        if transaction is None:
            return
        hooks, session.on_commit = session.on_commit, []
        try:
            self.scheduler.call(COMMIT, lambda: self._commit(transaction))
        except BaseException:
            if not transaction.is_over:
                self.database.end(transaction)
            raise
        for hook in hooks:
            hook()

    def _commit(self, transaction: Transaction) -> None:
        if transaction.is_over:
            raise _no_answer()
        self.database.commit(transaction)

    def register(self, hook: Callable[[], object]) -> None:
        session = self.session()
        if session.depth:
            session.on_commit.append(hook)
        else:
            hook()

    @contextmanager
    def rolled_back_on_error(self, using: str = "") -> Iterator[None]:
        try:
            yield
        except Exception:
            self.session().must_roll_back = True
            raise


class Transactional:
    """`transaction.atomic()`: a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        session = self._session
        session.depth, session.must_roll_back = 1, False
        session.on_commit.clear()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        session = self._session
        session.depth = 0
        if kind or session.must_roll_back:
            session.close()
        else:
            session.server.commit(session)


class Savepoint(Transactional):
    """`transaction.atomic()` within a transaction."""

    _hooks = 0

    def __enter__(self) -> None:
        session = self._session
        if session.transaction is None:
            session.server.statement(SAVEPOINT, lambda _: None, writes=False)
        assert session.transaction
        if session.transaction.is_over:
            raise _no_answer()
        session.transaction.save()
        session.depth += 1
        self._hooks = len(session.on_commit)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        session = self._session
        session.depth -= 1
        if session.transaction is None:
            return
        if kind or session.must_roll_back:
            session.must_roll_back = False
            session.transaction.restore()
            del session.on_commit[self._hooks :]
        else:
            session.transaction.savepoints.pop()
