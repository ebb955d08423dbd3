"""What Django's queries are made of, evaluated over rows in memory: Q, F, Now, Exists and so on.

They take the place of Django's classes in the modules of the core; whatever is not here fails loudly.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.tables import Row

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
type Look = Callable[["Scope"], Any]
type Test = Callable[[Any, Any], bool]


class Scope:
    """A row, with what its expressions need: the related tables, and the row of the query around it."""

    __slots__ = ("database", "model", "outer", "row")

    def __init__(self, row: Row, model: Any, database: Any, outer: "Scope | None" = None) -> None:
        self.row = row
        self.model = model
        self.database = database
        self.outer = outer

    def get(self, column: str) -> Any:
        if column in self.row:
            return self.row[column]
        head, _, rest = column.partition("__")
        related = self.model.related[head]
        found = related(self)
        return found and found[rest]


class Expression:
    def evaluate(self, scope: Scope) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> "Sum":
        return Sum(self, other)


def value_of(expression: Any, scope: Scope) -> Any:
    return expression.evaluate(scope) if isinstance(expression, Expression) else expression


class Sum(Expression):
    def __init__(self, left: Any, right: Any) -> None:
        self._left = left
        self._right = right

    def evaluate(self, scope: Scope) -> Any:
        return value_of(self._left, scope) + value_of(self._right, scope)


class F(Expression):
    def __init__(self, name: str) -> None:
        self._name = name

    def evaluate(self, scope: Scope) -> Any:
        return scope.get(self._name)


class OuterRef(Expression):
    def __init__(self, name: str) -> None:
        self._name = name

    def evaluate(self, scope: Scope) -> Any:
        assert scope.outer
        return scope.outer.get(self._name)


class Value(Expression):
    def __init__(self, value: Any) -> None:
        self._value = value

    def evaluate(self, scope: Scope) -> Any:
        return self._value


class Now(Expression):
    def evaluate(self, scope: Scope) -> Any:
        return EPOCH + timedelta(seconds=scope.database.clock())


class Greatest(Expression):
    def __init__(self, *parts: Any) -> None:
        self._parts = [F(part) if isinstance(part, str) else part for part in parts]

    def evaluate(self, scope: Scope) -> Any:
        return max(value_of(part, scope) for part in self._parts)


class Size(Expression):
    """The bytes of an entry's data."""

    def evaluate(self, scope: Scope) -> Any:
        return len(scope.get("entry__data"))


class Home:
    """The condition that an entry's hash leads to the partition."""

    def __init__(self, partition: int, count: int) -> None:
        self._partition = partition
        self._count = count

    def holds(self, scope: Scope) -> bool:
        return bool(scope.row["slot"] % self._count == self._partition)


class Wrapped(Expression):
    """ExpressionWrapper of a condition."""

    def __init__(self, condition: "Q", output_field: object) -> None:
        self._condition = condition

    def evaluate(self, scope: Scope) -> Any:
        return self._condition.holds(scope)


class Exists(Expression):
    def __init__(self, query: Any) -> None:
        self._query = query
        self._is_negated = False

    def __invert__(self) -> "Exists":
        negated = Exists(self._query)
        negated._is_negated = not self._is_negated
        return negated

    def evaluate(self, scope: Scope) -> bool:
        return bool(self._query.rows_within(scope)) != self._is_negated

    holds = evaluate


class Subquery(Expression):
    def __init__(self, query: Any) -> None:
        self._query = query

    def evaluate(self, scope: Scope) -> Any:
        return next(iter(self._query.values_within(scope)), None)


class Aggregate:
    def __init__(self, name: str, default: Any = None) -> None:
        self._name = name
        self._default = default

    def of(self, scopes: Sequence[Scope]) -> Any:
        values = [value for scope in scopes if (value := scope.get(self._name)) is not None]
        return self.choose(values) if values else self._default

    def choose(self, values: Sequence[Any]) -> Any:
        raise NotImplementedError


class Min(Aggregate):
    def choose(self, values: Sequence[Any]) -> Any:
        return min(values)


class Max(Aggregate):
    def choose(self, values: Sequence[Any]) -> Any:
        return max(values)


class Count(Aggregate):
    def of(self, scopes: Sequence[Scope]) -> int:
        return len(scopes)


TESTS: dict[str, Test] = {
    "gt": lambda value, limit: value is not None and limit is not None and value > limit,
    "gte": lambda value, limit: value is not None and limit is not None and value >= limit,
    "lt": lambda value, limit: value is not None and limit is not None and value < limit,
    "lte": lambda value, limit: value is not None and limit is not None and value <= limit,
    "in": lambda value, wanted: value in wanted,
    "isnull": lambda value, is_null: (value is None) == is_null,
}


def condition(name: str, wanted: Any) -> Look:
    """Return the test of one keyword of a filter."""
    column, _, operator = name.rpartition("__")
    if operator not in TESTS:
        return lambda scope: scope.get(name) == value_of(wanted, scope)
    if operator == "in" and not hasattr(wanted, "rows_within"):
        chosen = frozenset(wanted)
        return lambda scope: scope.get(column) in chosen
    if operator == "in":
        return lambda scope: scope.get(column) in wanted.values_within(scope)
    test = TESTS[operator]
    return lambda scope: test(scope.get(column), value_of(wanted, scope))


class Q:
    """A condition of a filter."""

    def __init__(self, *parts: Any, **keywords: Any) -> None:
        self._parts: list[Any] = [*parts, *(_Keyword(name, wanted) for name, wanted in keywords.items())]
        self._is_any = False
        self._is_negated = False

    def holds(self, scope: Scope) -> bool:
        is_any = self._is_any
        for part in self._parts:
            if part.holds(scope) == is_any:
                return is_any != self._is_negated
        return is_any == self._is_negated

    def __or__(self, other: "Q") -> "Q":
        either = Q(self, other)
        either._is_any = True
        return either

    def __and__(self, other: "Q") -> "Q":
        return Q(self, other)

    def __invert__(self) -> "Q":
        negated = Q(self)
        negated._is_negated = True
        return negated


class _Keyword:
    __slots__ = ("holds",)

    def __init__(self, name: str, wanted: Any) -> None:
        self.holds = condition(name, wanted)


def all_hold(conditions: Iterable[Any], scope: Scope) -> bool:
    return all(part.holds(scope) for part in conditions)
