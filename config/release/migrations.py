"""Tell which migrations the code before them survives: it goes on to read and write the migrated tables.

It survives what only adds. A new column is filled by the database (`db_default`) or may be null, since the old code
does not name it when it inserts a row. What a migration runs as Python or SQL nobody can tell: a class that was looked
at says why the old code survives it, `survived_because = "..."`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connections
from django.db.migrations import Migration, operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.db.models import Field

from config.release.step import Step
from events import database

HARMLESS = (
    operations.AlterModelManagers,
    operations.AlterModelOptions,
    operations.AlterModelTableComment,
    operations.CreateModel,
    operations.RemoveConstraint,
    operations.RemoveIndex,
    operations.RenameIndex,
)
"""The others that are known to be so are told by their arguments."""
NOT_OF_THE_DATABASE = {*Field.non_db_attrs, "default"} - {"db_column"}


def check_migrations() -> Iterator[Step]:
    """Yield a step for each migration that the database lacks."""
    executor = MigrationExecutor(connections[database.alias()])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    applied = [name for name in executor.loader.applied_migrations if name in executor.loader.graph.nodes]
    deployed = state = executor.loader.project_state(applied)
    for migration, _ in plan:
        is_new = migration.app_label not in {app for app, _ in applied}
        reasons = [] if is_new else list(objections(migration, state, deployed=deployed))
        harmless = getattr(migration, "survived_because", "") or "it only adds"
        found = f"{migration.app_label}.{migration.name}: {'; '.join(reasons) or harmless}"
        yield Step("migration", found, f"run {database.migrate_command()}", is_survived=not reasons)
        state = migration.mutate_state(state, preserve=True)


def objections(migration: Migration, before: ProjectState, *, deployed: ProjectState) -> Iterator[str]:
    """Yield why the code that runs on the deployed tables may not survive the migration; nothing if it does."""
    if getattr(migration, "survived_because", ""):
        return
    state = before.clone()
    for operation in migration.operations:
        model = getattr(operation, "model_name_lower", None)
        is_used = model is None or (migration.app_label, model) in deployed.models
        if is_used and (reason := _objection(operation, migration.app_label, state)):
            yield reason
        operation.state_forwards(migration.app_label, state)


def _objection(operation: Any, app: str, state: ProjectState) -> str:
    match operation:
        case operations.AddField(field=field) if field.null or field.has_db_default() or field.many_to_many:
            return ""
        case operations.AddField(model_name=model, name=name):
            return f"the old code inserts no {model}.{name}, which may not be null and has no db_default"
        case operations.AlterField(model_name=model, name=name, field=field):
            old = state.models[app, operation.model_name_lower].get_field(name)
            return f"it changes {model}.{name}: {changed}" if (changed := _tightened(old, field)) else ""
        case operations.AddIndex(model_name=model, index=index):
            return f"it holds up writers of {model} while it builds {index.name}: use AddIndexConcurrently"
        case _ if isinstance(operation, HARMLESS) or type(operation).__name__ == "AddIndexConcurrently":
            return ""
        case _:
            return f"{operation.describe()}: nobody has said that the old code survives it (survived_because)"


def _tightened(old: Any, new: Any) -> str:
    """Return how the column takes or gives other values than before; "" if it takes more."""
    before, after = _stored(old), _stored(new)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if after.get("null"):
        changed.discard("null")
    if "db_default" in after:
        changed.discard("db_default")
    if _length(after) > _length(before):
        changed.discard("max_length")
    return ", ".join(sorted(changed))


def _stored(field: Any) -> Mapping[str, Any]:
    """Return what the database knows of the field."""
    _, path, arguments, options = field.deconstruct()
    kept = {name: value for name, value in options.items() if name not in NOT_OF_THE_DATABASE}
    return kept | {"class": path, "arguments": arguments}


def _length(stored: Mapping[str, Any]) -> float:
    return float(stored.get("max_length") or "inf")
