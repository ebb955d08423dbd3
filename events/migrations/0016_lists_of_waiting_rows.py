"""Let the database choose the list in which a new row waits for its position, by the partitions that it has itself.

A process may know partitions that a restored database does not have. Its rows waited in lists of their numbers, and
after another repartitioning these could be lists into which nobody looked.
"""

from importlib import import_module

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

before = import_module("events.migrations.0015_repartitioning")

WAIT = """
CREATE OR REPLACE FUNCTION events_wait_for_position() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    partitions integer := (SELECT max(number) + 1 FROM events_partition);
BEGIN
    INSERT INTO events_waiting (partition, entry_id, slot)
        SELECT mod(hash, partitions), id, hash
        FROM (SELECT id, COALESCE(slot, events_slot(subject)) AS hash FROM added) AS hashed;
    RETURN NULL;
END
$$
"""
# Nobody records until the transaction of this migration ends, so no row is added by the old function afterwards.
HOLD = "LOCK TABLE events_log IN SHARE ROW EXCLUSIVE MODE"
MOVE_WAITING = """
UPDATE events_waiting SET partition = mod(slot, found.partitions)
    FROM (SELECT max(number) + 1 AS partitions FROM events_partition) AS found
    WHERE partition <> mod(slot, found.partitions)
"""


def replace_function(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Change nothing on SQLite, where rows are found by their hash, in whatever list they are."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in (HOLD, WAIT, MOVE_WAITING):
            schema_editor.execute(statement)


def restore_function(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(before.WAIT)


class Migration(migrations.Migration):
    dependencies = [("events", "0015_repartitioning")]
    survived_because = "the old code reads the lists by the same function, which finds each row in its new list"

    operations = [migrations.RunPython(replace_function, restore_function)]
