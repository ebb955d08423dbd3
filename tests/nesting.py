"""Describe nested transactions as data: Hypothesis draws them, and they are played on the database and on a model."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Literal, NamedTuple, Protocol

from django.db.transaction import TransactionManagementError
from hypothesis import strategies as st

from events.exceptions import NotInTransaction, VersionTaken

type Kind = Literal["atomic", "joined", "durable", "unit", "request", "kept savepoint", "dropped savepoint", "plain"]
type Doom = Literal["flag", "taken version"]
type Step = Change | Fail | Doomed | Block


class Failed(Exception):
    """The code between the statements failed."""


FAILURES = (Failed, NotInTransaction, VersionTaken, TransactionManagementError, RuntimeError)


class Change(NamedTuple):
    """Change this many rows, and record as many events."""

    count: int


class Fail(NamedTuple):
    """Raise an exception that has nothing to do with the database."""


class Doomed(NamedTuple):
    """Make Django roll back the innermost block, by its flag or by an event whose version is taken."""

    how: Doom


class Block(NamedTuple):
    """Run the steps in a block. An exception leaves the block, and is caught outside of it if `catches`."""

    kind: Kind
    catches: bool
    steps: tuple[Step, ...]


class World(Protocol):
    """Plays the steps of a nesting."""

    def change(self, count: int) -> None: ...
    def doom(self, how: Doom) -> None: ...
    def block(self, kind: Kind) -> AbstractContextManager[object]: ...


def play(step: Step, world: World) -> None:
    match step:
        case Change(count):
            world.change(count)
        case Fail():
            raise Failed
        case Doomed(how):
            world.doom(how)
        case Block(kind, catches, steps):
            with suppress(*FAILURES) if catches else nullcontext(), world.block(kind):
                for inner in steps:
                    play(inner, world)


class Model:
    """Models a transaction as a list: a block that fails removes what was added since it began."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.made = 0
        self.kept: list[tuple[str, str]] = []
        """The name and the request of each event."""
        self._depth = 0
        self._doomed = False
        self._requests = [""]
        self._opened = 0

    def change(self, count: int) -> None:
        names = [f"{self.prefix}-{self.made + number}" for number in range(count)]
        self.made += count
        self._ask(NotInTransaction)
        self.kept += [(name, self._requests[-1]) for name in names]

    def doom(self, how: Doom) -> None:
        if how == "flag":
            if not self._depth:
                raise TransactionManagementError
            self._doomed = True
        else:
            self._ask(NotInTransaction)
            self._doomed = True
            raise VersionTaken

    def _ask(self, outside: type[Exception] | None = None) -> None:
        if outside and not self._depth:
            raise outside
        if self._doomed:
            raise TransactionManagementError

    def block(self, kind: Kind) -> AbstractContextManager[object]:
        match kind:
            case "plain":
                return nullcontext()
            case "request":
                return self._request()
            case "kept savepoint" | "dropped savepoint":
                return self._savepoint(drops=kind == "dropped savepoint")
        if kind == "durable" and self._depth:
            raise RuntimeError
        return self._transaction(has_savepoint=kind != "joined")

    @contextmanager
    def _request(self) -> Iterator[None]:
        self._opened += 1
        self._requests.append(f"request-{self._opened}")
        try:
            yield
        finally:
            self._requests.pop()

    @contextmanager
    def _savepoint(self, *, drops: bool) -> Iterator[None]:
        self._ask()
        start = len(self.kept)
        outside = not self._depth
        yield
        self._ask()
        if drops and not outside:
            del self.kept[start:]

    @contextmanager
    def _transaction(self, *, has_savepoint: bool) -> Iterator[None]:
        start = len(self.kept)
        can_roll_back = not self._depth or (has_savepoint and not self._doomed)
        failed = True
        self._depth += 1
        try:
            yield
            failed = self._doomed
        finally:
            self._depth -= 1
            if failed:
                self._doomed = not can_roll_back
            if failed and can_roll_back:
                del self.kept[start:]


def nestings() -> st.SearchStrategy[Block]:
    """Draw a list of blocks that run one after the other, whether they fail or not."""
    kinds = st.sampled_from(Kind.__value__.__args__)
    changes = st.integers(1, 3).map(Change)
    leaves: st.SearchStrategy[Step] = st.one_of(
        changes, changes, changes, st.just(Fail()), st.sampled_from(Doom.__value__.__args__).map(Doomed)
    )
    steps = st.recursive(
        leaves,
        lambda inner: st.builds(Block, kinds, st.booleans(), st.lists(inner, min_size=1, max_size=4).map(tuple)),
        max_leaves=10,
    )
    outermost = st.builds(Block, kinds, st.just(True), st.lists(steps, min_size=1, max_size=4).map(tuple))  # noqa: FBT003
    return st.lists(outermost, min_size=1, max_size=3).map(
        lambda blocks: Block("plain", catches=True, steps=tuple(blocks))
    )
