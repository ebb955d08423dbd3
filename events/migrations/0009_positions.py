"""Keep positions in a table of their own, to which rows are only added. See docs/adr/0013."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

before = import_module("events.migrations.0007_signed_entries")

SIZE = {"postgresql": "OCTET_LENGTH(data)", "sqlite": "LENGTH(CAST(data AS BLOB))"}
COPY = (
    "INSERT INTO events_position (entry_id, partition, position, size)"
    " SELECT id, partition, position, {size} FROM events_log WHERE position IS NOT NULL",
    "INSERT INTO events_waiting (partition, entry_id) SELECT partition, id FROM events_log WHERE position IS NULL",
)
COPY_BACK = (
    "UPDATE events_log SET position = place.position FROM events_position AS place WHERE place.entry_id = events_log.id"
)
# A trigger, so that an event waits for its position however its row came here, also from a process of the release
# before. A migration that alters events_log on SQLite makes a new table, and must create the trigger again.
ADD_TRIGGER = {
    "postgresql": (
        """
        CREATE FUNCTION events_wait_for_position() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO events_waiting (partition, entry_id) SELECT partition, id FROM added;
            RETURN NULL;
        END
        $$
        """,
        """
        CREATE TRIGGER events_wait_for_position AFTER INSERT ON events_log
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION events_wait_for_position()
        """,
    ),
    "sqlite": (
        """
        CREATE TRIGGER events_wait_for_position AFTER INSERT ON events_log
        BEGIN
            INSERT INTO events_waiting (partition, entry_id) VALUES (NEW.partition, NEW.id);
        END
        """,
    ),
}
DROP_TRIGGER = {
    "postgresql": (
        "DROP TRIGGER events_wait_for_position ON events_log",
        "DROP FUNCTION events_wait_for_position",
    ),
    "sqlite": ("DROP TRIGGER events_wait_for_position",),
}
CREATE = """
CREATE FUNCTION events_give_positions(of_partition integer, may_wait boolean,
    OUT first bigint, OUT given bigint, OUT event_before uuid, OUT event_ids uuid[], OUT current_generation bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found_divergence text;
    waiting bigint[];
BEGIN
    IF may_wait THEN
        SELECT last_position + 1, generation, divergence INTO first, current_generation, found_divergence
            FROM events_partition WHERE number = of_partition FOR UPDATE;
    ELSE
        SELECT last_position + 1, generation, divergence INTO first, current_generation, found_divergence
            FROM events_partition WHERE number = of_partition FOR UPDATE SKIP LOCKED;
    END IF;
    IF first IS NULL OR found_divergence <> '' THEN
        RETURN;
    END IF;
    -- Statements of their own: their snapshots are taken after the lock, so they see what its last holder gave.
    waiting := ARRAY(SELECT entry_id FROM events_waiting WHERE partition = of_partition ORDER BY entry_id LIMIT 500);
    INSERT INTO events_position (partition, position, entry_id, size)
        SELECT of_partition, first - 1 + row_number() OVER (ORDER BY id), id, octet_length(data)
        FROM events_log WHERE id = ANY (waiting);
    GET DIAGNOSTICS given = ROW_COUNT;
    IF given > 0 THEN
        DELETE FROM events_waiting WHERE partition = of_partition AND entry_id = ANY (waiting);
        UPDATE events_partition SET last_position = first + given - 1 WHERE number = of_partition;
        event_ids := ARRAY(SELECT event_id FROM events_log WHERE id = ANY (waiting) ORDER BY id);
        SELECT log.event_id INTO event_before
            FROM events_position AS place JOIN events_log AS log ON log.id = place.entry_id
            WHERE place.partition = of_partition AND place.position = first - 1;
    END IF;
END
$$
"""


def move_positions(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in COPY:
        schema_editor.execute(statement.format(size=SIZE[schema_editor.connection.vendor]))
    before.before.before.drop_function(apps, schema_editor)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def move_positions_back(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    before.replace_function(apps, schema_editor)
    schema_editor.execute(COPY_BACK)


def add_trigger(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in ADD_TRIGGER[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_trigger(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in DROP_TRIGGER[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("events", "0008_health")]

    operations = [
        migrations.CreateModel(
            name="Position",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="place",
                        serialize=False,
                        to="events.logentry",
                    ),
                ),
                ("partition", models.PositiveSmallIntegerField()),
                ("position", models.PositiveBigIntegerField()),
                ("size", models.PositiveIntegerField()),
            ],
            options={
                "db_table": "events_position",
                "constraints": [
                    models.UniqueConstraint(fields=("partition", "position"), name="events_position_in_partition")
                ],
            },
        ),
        migrations.CreateModel(
            name="WaitingEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partition", "entry_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("partition", models.PositiveSmallIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waiting",
                        to="events.logentry",
                    ),
                ),
            ],
            options={"db_table": "events_waiting"},
        ),
        migrations.RunPython(move_positions, move_positions_back),
        migrations.RemoveConstraint(model_name="logentry", name="events_log_position"),
        migrations.RemoveIndex(model_name="logentry", name="events_log_without_position"),
        migrations.RemoveField(model_name="logentry", name="position"),
        migrations.RunPython(add_trigger, drop_trigger),
    ]
