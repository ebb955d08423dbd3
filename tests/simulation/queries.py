"""The part of Django's ORM that the core uses, over tables in memory. tests/contracts/database.py compares both."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from django.db import IntegrityError, models
from django.db.models import UniqueConstraint
from django.utils import timezone

from tests.simulation.expressions import Aggregate, Expression, Now, Q, Scope, all_hold, value_of
from tests.simulation.sessions import Server
from tests.simulation.tables import Row, Table, Transaction


class Instance:
    """A row as the core sees it: a model's instance without behaviour."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


class Model:
    """Takes the place of a model class: its queries, its constructor, and the constants of the real class."""

    server: Server
    table: Table

    def __init__(self, real: type[models.Model]) -> None:
        self._real = real
        fields = real._meta.concrete_fields
        self._defaults = {field.attname: _default(field) for field in fields if field.attname != "pk"}
        key = real._meta.pk
        self.key = [field.attname for field in key] if isinstance(key, models.CompositePrimaryKey) else [key.attname]
        self.is_numbered = isinstance(key, models.BigAutoField | models.AutoField)
        constraints = [part for part in real._meta.constraints if isinstance(part, UniqueConstraint)]
        self._unique = [list(part.fields) for part in constraints if part.condition is None]
        self._unique += [[field.attname] for field in fields if field.unique and not field.primary_key]
        self._foreign = {field.name: field.attname for field in fields if field.is_relation}
        self.name = real._meta.db_table
        self.columns = frozenset(self._defaults)
        self.related: dict[str, Callable[[Scope], Row | None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    @property
    def objects(self) -> "Query":
        return Query(self)

    def __call__(self, **values: Any) -> Instance:
        return Instance(self.filled(values))

    def begin(self, server: Server) -> None:
        """Use this server, with an empty table."""
        self.server = server
        self.table = server.database.tables[self.name] = Table(self.name, self.key, self._unique)

    def filled(self, values: Mapping[str, Any]) -> Row:
        """Return the row with defaults; a related instance is kept by its key."""
        row = {name: default() if callable(default) else default for name, default in self._defaults.items()}
        for name, value in values.items():
            column = self._foreign.get(name, name)
            row[column] = value.id if column != name and hasattr(value, "id") else value
        unknown = row.keys() - self._defaults.keys()
        if unknown:
            raise TypeError(f"{self.name} has no columns {unknown}")
        return row


def _default(field: Any) -> Any:
    if field.default is timezone.now:
        return Now
    if field.has_default() and not callable(field.default):
        return field.default
    return "" if field.empty_strings_allowed and not field.null and field.blank else None


class Query:
    """A chain of filters, and what is to be returned of the rows."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._conditions: tuple[Any, ...] = ()
        self._equal: tuple[tuple[str, Any], ...] = ()
        """Conditions of a column and a plain value, which are the fastest to try."""
        self._order: tuple[str, ...] = ()
        self._limit: int | None = None
        self._annotations: dict[str, Any] = {}
        self._columns: tuple[Any, ...] | None = None
        self._is_flat = False
        self._is_grouped = False
        self._as_dicts = False
        self._locks = False
        self._found: list[Any] | None = None

    # Chains

    def _with(self, **changes: Any) -> Self:
        changed = object.__new__(type(self))
        changed.__dict__ |= self.__dict__
        changed._found = None
        for name, value in changes.items():
            changed.__dict__[f"_{name}"] = value
        return changed

    def all(self) -> Self:
        return self

    def filter(self, *parts: Any, **keywords: Any) -> Self:
        columns = self._model.columns
        equal = {
            name: wanted
            for name, wanted in keywords.items()
            if name in columns and wanted is not None and not isinstance(wanted, Expression)
        }
        others = {name: wanted for name, wanted in keywords.items() if name not in equal}
        return self._with(
            conditions=(*self._conditions, *parts, *([Q(**others)] if others else [])),
            equal=(*self._equal, *equal.items()),
        )

    def exclude(self, *parts: Any, **keywords: Any) -> Self:
        return self.filter(~Q(*parts, **keywords))

    def order_by(self, *names: str) -> Self:
        return self._with(order=names)

    def annotate(self, **annotations: Any) -> Self:
        is_grouped = any(isinstance(part, Aggregate) for part in annotations.values())
        return self._with(annotations={**self._annotations, **annotations}, is_grouped=is_grouped)

    def values_list(self, *columns: Any, flat: bool = False) -> Self:
        return self._with(columns=columns, is_flat=flat, as_dicts=False)

    def values(self, *columns: Any, **computed: Any) -> Self:
        annotations = {**self._annotations, **computed}
        return self._with(columns=(*columns, *computed), annotations=annotations, as_dicts=True)

    def only(self, *_: str) -> Self:
        return self

    def select_for_update(self) -> Self:
        return self._with(locks=True)

    def __getitem__(self, part: slice) -> Self:
        return self._with(limit=part.stop)

    # Results

    def __iter__(self) -> Iterator[Any]:
        if self._found is None:
            self._found = self._select()
        return iter(self._found)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __bool__(self) -> bool:
        return bool(list(iter(self)))

    def iterator(self) -> Iterator[Any]:
        return iter(self._select())

    def first(self) -> Any:
        ordered = self if self._order else self.order_by(*self._model.key)
        return next(iter(ordered._with(limit=1)._select()), None)

    def get(self, **keywords: Any) -> Any:
        found = self.filter(**keywords)._select() if keywords else self._select()
        if not found:
            raise self._model.DoesNotExist
        [only] = found
        return only

    def exists(self) -> bool:
        return bool(self._select())

    def count(self) -> int:
        return len(self._select())

    def aggregate(self, **aggregates: Aggregate) -> dict[str, Any]:
        scopes = self._statement("select", self._scopes)
        return {name: aggregate.of(scopes) for name, aggregate in aggregates.items()}

    # Writes

    def update(self, **values: Any) -> int:
        return self._statement("update", lambda transaction: self._update(transaction, values))

    def delete(self) -> int:
        return self._statement("delete", self._delete)

    def create(self, **values: Any) -> Instance:
        row = self._evaluated(self._model.filled(values))
        self._insert(row)
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

    def _statement[Result](self, verb: str, run: Callable[[Transaction], Result]) -> Result:
        return self._model.server.statement(f"{verb} {self._model.name}", run, writes=verb != "select" or self._locks)

    def _select(self) -> list[Any]:
        scopes = self._statement("select", self._scopes)
        return self._grouped(scopes) if self._is_grouped else [self.shape(scope.row, scope) for scope in scopes]

    def _scopes(self, transaction: Transaction | None) -> list[Scope]:
        found = self._matching(transaction, None)
        if self._locks and transaction:
            table = self._model.table
            rows = [scope.row for scope in found]
            database = self._model.server.database
            found = [
                self._scope(row, transaction, None) for _, row in database.choose(table, transaction, self._fits, rows)
            ]
        return found

    def _matching(self, transaction: Transaction | None, outer: Scope | None) -> list[Scope]:
        database = self._model.server.database
        rows = database.visible(self._model.table, transaction)
        model, view, equal, conditions = (
            self._model,
            self._model.server.view(transaction),
            self._equal,
            self._conditions,
        )
        for column, wanted in equal:
            rows = [row for row in rows if row[column] == wanted]
        found = [Scope(row, model, view, outer) for row in rows]
        for part in conditions:
            found = [scope for scope in found if part.holds(scope)]
        for name in reversed(self._order):
            column = name.lstrip("-")
            found.sort(key=lambda scope: self._value(column, scope), reverse=name.startswith("-"))
        return found if self._limit is None else found[: self._limit]

    def _scope(self, row: Row, transaction: Transaction | None, outer: Scope | None) -> Scope:
        return Scope(row, self._model, self._model.server.view(transaction), outer)

    def _fits(self, row: Row) -> bool:
        scope = self._scope(row, None, None)
        return all(row[column] == wanted for column, wanted in self._equal) and all_hold(self._conditions, scope)

    def rows_within(self, outer: Scope) -> list[Scope]:
        """Return the rows of a subquery."""
        return self._matching(outer.database.transaction, outer)

    def values_within(self, outer: Scope) -> set[Any]:
        assert self._columns
        return {self._value(self._columns[0], scope) for scope in self.rows_within(outer)}

    def shape(self, row: Row | Scope, scope: Scope | None = None) -> Any:
        if isinstance(row, Scope):
            row, scope = row.row, row
        assert scope
        if self._columns is None:
            values = {name: value_of(part, scope) for name, part in self._annotations.items()}
            return Instance({**row, **values})
        found = tuple(self._value(column, scope) for column in self._columns)
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

    def _update(self, transaction: Transaction, values: Mapping[str, Any]) -> int:
        table = self._model.table
        rows = [scope.row for scope in self._matching(transaction, None)]
        changed = 0
        for key, row in self._model.server.database.choose(table, transaction, self._fits, rows):
            scope = self._scope(row, transaction, None)
            transaction.put(table, key, {**row, **{name: value_of(value, scope) for name, value in values.items()}})
            changed += 1
        return changed

    def _delete(self, transaction: Transaction) -> int:
        table = self._model.table
        rows = [scope.row for scope in self._matching(transaction, None)]
        keys = [key for key, _ in self._model.server.database.choose(table, transaction, self._fits, rows)]
        for key in keys:
            transaction.put(table, key, None)
        return len(keys)

    def _evaluated(self, row: Row) -> Row:
        scope = self._scope(row, None, None)
        values = {name: value_of(value, scope) for name, value in row.items()}
        if self._model.is_numbered and values["id"] is None:
            values["id"] = self._model.table.next_id()
        return values

    def _insert(self, row: Row) -> None:
        self._statement("insert", lambda transaction: self._insert_all(transaction, [row], ignores=False))

    def _insert_all(self, transaction: Transaction, rows: Sequence[Row], *, ignores: bool) -> None:
        server = self._model.server
        for row in rows:
            server.database.insert(self._model.table, transaction, row, ignores_conflicts=ignores)
