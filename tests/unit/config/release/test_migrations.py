"""Which migrations the code before them survives, and that each of ours is survived."""

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.release.migrations import objections

OURS = {"accounts", "config", "events", "readmodel", "tickets"}
BEFORE_THE_RULE = {"accounts": 5, "config": 1, "events": 13, "readmodel": 2, "tickets": 11}
"""The numbers of the migrations from before the first release that had to be deployed without downtime."""


def migration_of(*operations: Operation, **attributes: str) -> migrations.Migration:
    kind = type("Migration", (migrations.Migration,), {"operations": list(operations), **attributes})
    found: migrations.Migration = kind("0099_next", "shop")
    return found


SHELF = migrations.CreateModel(
    "Shelf",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("room", models.CharField(max_length=10)),
        ("note", models.TextField(null=True)),
    ],
)


def found(*operations: Operation, **attributes: str) -> list[str]:
    deployed = migration_of(SHELF).mutate_state(ProjectState())
    return list(objections(migration_of(*operations, **attributes), deployed, deployed=deployed))


def nothing(*_: object) -> None:
    """Stand for code of a migration."""


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("Box", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("shelf", "floor", models.IntegerField(null=True)),
        migrations.AddField("shelf", "floor", models.IntegerField(default=0, db_default=0)),
        migrations.AlterField(
            "shelf", "room", models.CharField("room", max_length=10, choices=[("1", "one")], default="1")
        ),
        migrations.AlterField("shelf", "room", models.CharField(max_length=20, null=True)),
        migrations.AlterField("shelf", "room", models.CharField(max_length=10, db_default="1")),
        migrations.AlterModelOptions("shelf", {"verbose_name": "shelf"}),
        migrations.RemoveIndex("shelf", "of_room"),
    ],
    ids=lambda operation: operation.describe(),
)
def test_the_old_code_survives_what_adds(operation: Operation) -> None:
    state = migration_of(
        SHELF, migrations.AddIndex("shelf", models.Index(fields=["room"], name="of_room"))
    ).mutate_state(ProjectState())

    assert list(objections(migration_of(operation), state, deployed=state)) == []


@pytest.mark.parametrize(
    ("operation", "objection"),
    [
        (
            migrations.AddField("shelf", "floor", models.IntegerField(default=0)),
            "the old code inserts no shelf.floor, which may not be null and has no db_default",
        ),
        (migrations.AlterField("shelf", "room", models.CharField(max_length=5)), "it changes shelf.room: max_length"),
        (migrations.AlterField("shelf", "note", models.TextField()), "it changes shelf.note: null"),
        (migrations.AlterField("shelf", "room", models.IntegerField()), "it changes shelf.room: class"),
        (
            migrations.AlterField("shelf", "room", models.CharField(max_length=10, unique=True)),
            "it changes shelf.room: unique",
        ),
        (
            migrations.AddIndex("shelf", models.Index(fields=["room"], name="of_room")),
            "it holds up writers of shelf while it builds of_room: use AddIndexConcurrently",
        ),
        (migrations.RemoveField("shelf", "note"), "Remove field note from shelf"),
        (migrations.RenameField("shelf", "note", "remark"), "Rename field note on shelf to remark"),
        (migrations.DeleteModel("Shelf"), "Delete model Shelf"),
        (migrations.RunPython(nothing), "Raw Python operation"),
        (migrations.RunSQL("SELECT 1"), "Raw SQL operation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_old_code_may_not_survive_other_changes(operation: Operation, objection: str) -> None:
    suffix = ": nobody has said that the old code survives it (survived_because)"

    assert found(operation) in ([objection], [f"{objection}{suffix}"])


def test_what_happens_to_a_new_table_concerns_no_old_code() -> None:
    box = migrations.CreateModel("Box", [("id", models.BigAutoField(primary_key=True))])

    assert found(box, migrations.AddField("box", "floor", models.IntegerField(default=0))) == []


def test_a_migration_may_say_why_the_old_code_survives_it() -> None:
    assert found(migrations.RunPython(nothing), survived_because="it changes rows that only administrators see") == []


def newer_migrations() -> Iterator[tuple[migrations.Migration, ProjectState]]:
    loader = MigrationLoader(None)
    for key in sorted(loader.disk_migrations):
        app, name = key
        if app in OURS and int(name[:4]) > BEFORE_THE_RULE[app]:
            yield loader.disk_migrations[key], loader.project_state([key], at_end=False)


def test_the_release_before_survives_each_migration_of_ours() -> None:
    """Else a deployment has downtime: split the change, into a release that adds, and a later one that takes away."""
    broken = {
        f"{migration.app_label}.{migration.name}": reasons
        for migration, before in newer_migrations()
        if (reasons := list(objections(migration, before, deployed=before)))
    }

    assert broken == {}
    assert ("events", "0014_known_events") in {(each.app_label, each.name) for each, _ in newer_migrations()}
