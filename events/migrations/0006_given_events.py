from importlib import import_module

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# It says which events it numbered, too: who has recorded just these need not read them again.
CREATE = """
CREATE FUNCTION events_give_positions(of_partition integer, may_wait boolean,
    OUT first bigint, OUT given bigint, OUT event_before uuid, OUT event_ids uuid[])
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF may_wait THEN
        SELECT last_position + 1 INTO first FROM events_partition WHERE number = of_partition FOR UPDATE;
    ELSE
        SELECT last_position + 1 INTO first FROM events_partition WHERE number = of_partition FOR UPDATE SKIP LOCKED;
    END IF;
    IF first IS NULL THEN
        RETURN;
    END IF;
    -- A statement of its own: its snapshot is taken after the lock, so it sees what the lock's last holder gave.
    WITH numbered AS (
        UPDATE events_log SET position = first - 1 + waiting.rank
        FROM (
            SELECT id, row_number() OVER (ORDER BY id) AS rank
            FROM (
                SELECT id FROM events_log WHERE partition = of_partition AND position IS NULL ORDER BY id LIMIT 500
            ) AS oldest
        ) AS waiting
        WHERE events_log.id = waiting.id
        RETURNING events_log.position, events_log.event_id
    )
    SELECT count(*), array_agg(event_id ORDER BY position) INTO given, event_ids FROM numbered;
    IF given > 0 THEN
        UPDATE events_partition SET last_position = first + given - 1 WHERE number = of_partition;
        SELECT event_id INTO event_before FROM events_log WHERE partition = of_partition AND position = first - 1;
    END IF;
END
$$
"""

before = import_module("events.migrations.0002_give_positions")


def replace_function(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    before.drop_function(apps, schema_editor)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def restore_function(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    before.drop_function(apps, schema_editor)
    before.create_function(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("events", "0005_consumers")]

    operations = [migrations.RunPython(replace_function, restore_function)]
