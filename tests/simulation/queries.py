"""The part of Django's ORM that the core uses, over tables in memory. tests/contracts/database.py compares both."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, Self

from django.db import IntegrityError, models
from django.db.models import UniqueConstraint
from django.utils import timezone

from tests.simulation.expressions import TESTS, Aggregate, Expression, Now, Q, Scope, Test, all_hold, value_of
from tests.simulation.sessions import Server, call
from tests.simulation.tables import Row, Table, Transaction

type Condition = tuple[str, Test | None, Any]
"""A column, a test (None: it is equal), and the plain value that it is compared with."""


class Instance:
    """A row as the core sees it: a model's instance without behaviour."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


class Model:
    """Takes the place of a model class: its queries, its constructor, and the constants of the real class."""

    server: Server

    def __init__(self, real: type[models.Model]) -> None:
        self._real = real
        fields = real._meta.concrete_fields
        self._defaults = {field.attname: _default(field) for field in fields if field.attname != "pk"}
        self._constants = {name: value for name, value in self._defaults.items() if not callable(value)}
        self._computed = {name: value for name, value in self._defaults.items() if callable(value)}
        key = real._meta.pk
        fields_of_key = key if isinstance(key, models.CompositePrimaryKey) else [key]
        self.key = tuple(field.attname for field in fields_of_key)
        self.is_numbered = isinstance(key, models.BigAutoField | models.AutoField)
        constraints = [part for part in real._meta.constraints if isinstance(part, UniqueConstraint)]
        unique = [list(part.fields) for part in constraints if part.condition is None]
        unique += [[field.attname] for field in fields if field.unique and not field.primary_key]
        self._foreign = {field.name: field.attname for field in fields if field.is_relation}
        self.name = real._meta.db_table
        self.table = Table(self.name, self.key, unique)
        self.calls = {verb: call(f"{verb} {self.name}") for verb in ("select", "insert", "update", "delete")}
        self.columns = frozenset(self._defaults)
        self.related: dict[str, Callable[[Scope], Row | None]] = {}
        self.delete_related: Callable[[Transaction, Any], None] = lambda _transaction, _key: None
        self.label = real._meta.label
        self._parsed: dict[str, tuple[str, Test | None]] = {}
        self._getters: dict[tuple[str, ...], Callable[[Row], Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    @cached_property
    def objects(self) -> "Query":
        """Return the query of all rows, of which every other one is a copy."""
        return Query(self)

    def __call__(self, **values: Any) -> Instance:
        return Instance(self.filled(values))

    def begin(self, server: Server) -> None:
        """Use this server, and empty the table."""
        self.server = server
        self.table.clear()
        server.database.tables[self.name] = self.table

    def filled(self, values: Mapping[str, Any]) -> Row:
        """Return the row with defaults; a related instance is kept by its key."""
        row = {**self._constants, **{name: default() for name, default in self._computed.items()}}
        for name, value in values.items():
            column = self._foreign.get(name, name)
            row[column] = value.id if column != name and hasattr(value, "id") else value
        if len(row) > len(self._defaults):
            raise TypeError(f"{self.name} has no columns {row.keys() - self._defaults.keys()}")
        return row

    def parsed(self, name: str) -> tuple[str, Test | None]:
        """Return the column and the test of a filter's keyword; the column is "" if it is one of another table."""
        if (known := self._parsed.get(name)) is None:
            head, _, operator = name.rpartition("__")
            column, test = (head, TESTS[operator]) if operator in TESTS else (name, None)
            known = self._parsed[name] = (column if column in self.columns else "", test)
        return known

    def getter(self, columns: tuple[str, ...]) -> Callable[[Row], Any]:
        """Return the function that takes these columns out of a row, as a tuple."""
        if columns not in self._getters:
            [*several] = columns
            one = columns[0]
            self._getters[columns] = itemgetter(*several) if len(several) > 1 else lambda row: (row[one],)
        return self._getters[columns]


def _default(field: Any) -> Any:
    if field.default is timezone.now:
        return Now
    if field.has_default() and not callable(field.default):
        return field.default
    return "" if field.empty_strings_allowed and not field.null and field.blank else None


class Query:
    """A chain of filters, and what is to be returned of the rows."""

    _simple: tuple[Condition, ...] = ()
    _conditions: tuple[Any, ...] = ()
    """Those that are not of a column and a plain value."""
    _order: tuple[str, ...] = ()
    _limit: int | None = None
    _annotations: Mapping[str, Any] = {}
    _columns: tuple[Any, ...] | None = None
    _is_flat = False
    _is_grouped = False
    _as_dicts = False
    _locks = False
    _found: list[Any] | None = None

    def __init__(self, model: Model) -> None:
        self._model = model

    # Chains

    def _copy(self) -> Self:
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied._found = None
        return copied

    def all(self) -> Self:
        return self._copy()

    def filter(self, *parts: Any, **keywords: Any) -> Self:
        copied, parsed = self._copy(), self._model.parsed
        others: dict[str, Any] = {}
        for name, wanted in keywords.items():
            column, test = parsed(name)
            if not column or (wanted is None and not test) or isinstance(wanted, COMPUTED):
                others[name] = wanted
            else:
                copied._simple += ((column, test, wanted),)
        if parts or others:
            copied._conditions = (*self._conditions, *parts, *([Q(**others)] if others else []))
        return copied

    def exclude(self, *parts: Any, **keywords: Any) -> Self:
        return self.filter(~Q(*parts, **keywords))

    def order_by(self, *names: str) -> Self:
        copied = self._copy()
        copied._order = names
        return copied

    def annotate(self, **annotations: Any) -> Self:
        copied = self._copy()
        copied._annotations = {**self._annotations, **annotations}
        copied._is_grouped = any(isinstance(part, Aggregate) for part in annotations.values())
        return copied

    def values_list(self, *columns: Any, flat: bool = False) -> Self:
        copied = self._copy()
        copied._columns, copied._is_flat, copied._as_dicts = columns, flat, False
        return copied

    def values(self, *columns: Any, **computed: Any) -> Self:
        copied = self._copy()
        copied._annotations = {**self._annotations, **computed}
        copied._columns, copied._as_dicts = (*columns, *computed), True
        return copied

    def only(self, *_: str) -> Self:
        return self

    def select_for_update(self) -> Self:
        copied = self._copy()
        copied._locks = True
        return copied

    def __getitem__(self, part: slice) -> Self:
        copied = self._copy()
        copied._limit = part.stop
        return copied

    # Results

    def _rows(self) -> list[Any]:
        if self._found is None:
            self._found = self._select()
        return self._found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows())

    def __len__(self) -> int:
        return len(self._rows())

    def __bool__(self) -> bool:
        return bool(self._rows())

    def iterator(self) -> Iterator[Any]:
        return iter(self._select())

    def first(self) -> Any:
        only = self._copy()
        only._order, only._limit = self._order or self._model.key, 1
        return next(iter(only._select()), None)

    def get(self, **keywords: Any) -> Any:
        found = self.filter(**keywords)._select() if keywords else self._select()
        if not found:
            raise self._model.DoesNotExist
        [only] = found
        return only

    def exists(self) -> bool:
        return bool(self._statement("select", self._chosen))

    def count(self) -> int:
        return len(self._statement("select", self._chosen))

    def aggregate(self, **aggregates: Aggregate) -> dict[str, Any]:
        def run(transaction: Transaction | None) -> dict[str, Any]:
            scopes = self._scopes(self._chosen(transaction))
            return {name: aggregate.of(scopes) for name, aggregate in aggregates.items()}

        return self._statement("select", run)

    # Writes

    def update(self, **values: Any) -> int:
        return self._statement("update", lambda transaction: self._update(transaction, values))

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows, and return their number as Django does, without those of other tables."""
        deleted = self._statement("delete", self._delete)
        return deleted, {self._model.label: deleted}

    @property
    def query(self) -> Self:
        return self

    def get_compiler(self, **_: str) -> Self:
        return self

    def as_sql(self) -> tuple[str, tuple[Self]]:
        """Return what compaction puts into its statement, whose twin gets the query itself."""
        return "", (self,)

    def create(self, **values: Any) -> Instance:
        row = self._evaluated(self._model.filled(values))
        self._statement("insert", lambda transaction: self._insert_all(transaction, [row], ignores=False))
        return Instance(row)

    def bulk_create(self, instances: Iterable[Instance], *, ignore_conflicts: bool = False) -> None:
        rows = [self._evaluated(vars(instance)) for instance in instances]
        self._statement("insert", lambda transaction: self._insert_all(transaction, rows, ignores=ignore_conflicts))

    def get_or_create(self, *, defaults: Mapping[str, Any] | None = None, **place: Any) -> tuple[Instance, bool]:
        try:
            return self.get(**place), False
        except self._model.DoesNotExist:
            try:
                with self._model.server.atomic():
                    return self.create(**place, **(defaults or {})), True
            except IntegrityError:
                return self.get(**place), False

    def update_or_create(self, *, defaults: Mapping[str, Any], **place: Any) -> tuple[Instance, bool]:
        with self._model.server.atomic():
            found, is_new = self.select_for_update().get_or_create(defaults=defaults, **place)
            if not is_new:
                Query(self._model).filter(id=found.id).update(**defaults)
                vars(found).update(defaults)
            return found, is_new

    # Execution

    def _statement[Result](self, verb: str, run: Callable[[Transaction | None], Result]) -> Result:
        model = self._model
        return model.server.statement(model.calls[verb], run, writes=verb != "select" or self._locks)

    def _select(self) -> list[Any]:
        """Return the results as of the statement: the process may stand still after it while the rows change."""
        return self._statement("select", self._results)

    def _results(self, transaction: Transaction | None) -> list[Any]:
        rows = self._chosen(transaction)
        if self._is_grouped:
            return self._grouped(self._scopes(rows))
        return [self._shape(row) for row in rows]

    def _chosen(self, transaction: Transaction | None) -> list[Row]:
        """Return the rows, locked if they are to be."""
        rows = self._matching(transaction, None)
        if self._locks and transaction:
            table = self._model.table
            rows = [row for _, row in self._model.server.database.choose(table, transaction, self._fits, rows)]
        return rows

    def rows_in(self, transaction: Transaction) -> list[Row]:
        """Return the rows that another statement of the transaction deletes."""
        return self._matching(transaction, None)

    def _matching(self, transaction: Transaction | None, outer: Scope | None) -> list[Row]:
        rows = list(self._model.server.database.visible(self._model.table, transaction))
        for column, test, wanted in self._simple:
            if not rows:
                return rows
            if test:
                rows = [row for row in rows if test(row[column], wanted)]
            else:
                rows = [row for row in rows if row[column] == wanted]
        if rows and self._conditions:
            view, model = self._model.server.view(transaction), self._model
            rows = [row for row in rows if all_hold(self._conditions, Scope(row, model, view, outer))]
        if len(rows) > 1:
            self._sort(rows)
        return rows if self._limit is None else rows[: self._limit]

    def _sort(self, rows: list[Row]) -> None:
        for name in reversed(self._order):
            column = name.lstrip("-")
            if column in self._model.columns:
                rows.sort(key=itemgetter(column), reverse=name.startswith("-"))
            else:
                rows.sort(key=lambda row: self._value(column, self._scope(row)), reverse=name.startswith("-"))

    def _scope(self, row: Row) -> Scope:
        server = self._model.server
        return Scope(row, self._model, server.view(server.session().transaction))

    def _scopes(self, rows: Iterable[Row]) -> list[Scope]:
        return [self._scope(row) for row in rows]

    def _fits(self, row: Row) -> bool:
        for column, test, wanted in self._simple:
            if not (test(row[column], wanted) if test else row[column] == wanted):
                return False
        return not self._conditions or all_hold(self._conditions, self._scope(row))

    def rows_within(self, outer: Scope) -> list[Row]:
        """Return the rows of a subquery."""
        return self._matching(outer.database.transaction, outer)

    def values_within(self, outer: Scope) -> set[Any]:
        assert self._columns
        column = self._columns[0]
        view = outer.database
        return {self._value(column, Scope(row, self._model, view, outer)) for row in self.rows_within(outer)}

    def _shape(self, row: Row) -> Any:
        if self._columns is None:
            if not self._annotations:
                return Instance(row)
            scope = self._scope(row)
            return Instance({**row, **{name: value_of(part, scope) for name, part in self._annotations.items()}})
        if self._model.columns.issuperset(self._columns):
            return row[self._columns[0]] if self._is_flat else self._model.getter(self._columns)(row)
        scope = self._scope(row)
        found = tuple([self._value(column, scope) for column in self._columns])
        return found[0] if self._is_flat else found

    def _value(self, column: Any, scope: Scope) -> Any:
        if isinstance(column, Expression):
            return column.evaluate(scope)
        if column in self._annotations:
            return value_of(self._annotations[column], scope)
        return scope.get(column)

    def _grouped(self, scopes: Sequence[Scope]) -> list[Any]:
        """Return a row for each combination of the columns that are no aggregates."""
        aggregates = {name: part for name, part in self._annotations.items() if isinstance(part, Aggregate)}
        plain = [column for column in self._columns or () if column not in aggregates]
        groups: dict[Any, list[Scope]] = {}
        for scope in scopes:
            groups.setdefault(tuple(self._value(column, scope) for column in plain), []).append(scope)
        found = [
            dict(zip(plain, key, strict=True)) | {name: part.of(members) for name, part in aggregates.items()}
            for key, members in groups.items()
        ]
        return found if self._as_dicts else [tuple(row[column] for column in self._columns or ()) for row in found]

    def _update(self, transaction: Transaction | None, values: Mapping[str, Any]) -> int:
        assert transaction
        table, database = self._model.table, self._model.server.database
        plain = not any(isinstance(value, Expression) for value in values.values())
        changed = 0
        for key, row in database.choose(table, transaction, self._fits, self._matching(transaction, None)):
            new = values if plain else self._computed(values, row)
            transaction.put(table, key, {**row, **new})
            changed += 1
        return changed

    def _computed(self, values: Mapping[str, Any], row: Row) -> Row:
        scope = self._scope(row)
        return {
            name: value.evaluate(scope) if isinstance(value, Expression) else value for name, value in values.items()
        }

    def _delete(self, transaction: Transaction | None) -> int:
        assert transaction
        table, database = self._model.table, self._model.server.database
        keys = [key for key, _ in database.choose(table, transaction, self._fits, self._matching(transaction, None))]
        for key in keys:
            transaction.put(table, key, None)
            self._model.delete_related(transaction, key)
        return len(keys)

    def _evaluated(self, row: Row) -> Row:
        values = self._computed(row, row)
        if self._model.is_numbered and values["id"] is None:
            values["id"] = self._model.table.next_id()
        return values

    def _insert_all(self, transaction: Transaction | None, rows: Sequence[Row], *, ignores: bool) -> None:
        assert transaction
        database = self._model.server.database
        for row in rows:
            database.insert(self._model.table, transaction, row, ignores_conflicts=ignores)


COMPUTED = (Expression, Query)
"""What a filter compares with, and is no plain value."""
