"""Let the log be repartitioned: keep the hash by which an event finds its partition. See docs/adr/0026."""

from importlib import import_module

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

before = import_module("events.migrations.0009_positions")

# The CRC-32 of zlib, for rows of the release before, which does not write it. PostgreSQL has one only from version 18.
SLOT = """
CREATE FUNCTION events_slot(subject text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    bytes bytea := convert_to(subject, 'UTF8');
    crc bigint := 4294967295;
BEGIN
    FOR i IN 0 .. length(bytes) - 1 LOOP
        crc := crc # get_byte(bytes, i);
        FOR bit IN 1 .. 8 LOOP
            crc := (crc >> 1) # (CASE WHEN crc & 1 = 1 THEN 3988292384 ELSE 0 END);
        END LOOP;
    END LOOP;
    RETURN crc # 4294967295;
END
$$
"""
WAIT = """
CREATE OR REPLACE FUNCTION events_wait_for_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_waiting (partition, entry_id, slot)
        SELECT partition, id, COALESCE(slot, events_slot(subject)) FROM added;
    RETURN NULL;
END
$$
"""
WAIT_AS_BEFORE = before.ADD_TRIGGER["postgresql"][0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
WAIT_IN_SQLITE = """
CREATE TRIGGER events_wait_for_position AFTER INSERT ON events_log
BEGIN
    INSERT INTO events_waiting (partition, entry_id, slot) VALUES (NEW.partition, NEW.id, NEW.slot);
END
"""
HASH_WAITING = """
UPDATE events_waiting SET slot = events_slot(log.subject) FROM events_log AS log WHERE log.id = events_waiting.entry_id
"""
# Rows that were recorded before a repartitioning wait in the list of an ancestor. A restored database may have fewer
# partitions than some process knows of: what it records waits in a list that has no partition.
CREATE = """
CREATE FUNCTION events_give_positions(of_partition integer, may_wait boolean, OUT first bigint, OUT given bigint,
    OUT event_before uuid, OUT event_ids uuid[], OUT current_generation bigint, OUT partitions integer)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found_divergence text;
    ancestor integer;
    lists integer[] := ARRAY[of_partition];
    waiting bigint[];
BEGIN
    IF may_wait THEN
        SELECT last_position + 1, generation, divergence, parent
            INTO first, current_generation, found_divergence, ancestor
            FROM events_partition WHERE number = of_partition FOR UPDATE;
    ELSE
        SELECT last_position + 1, generation, divergence, parent
            INTO first, current_generation, found_divergence, ancestor
            FROM events_partition WHERE number = of_partition FOR UPDATE SKIP LOCKED;
    END IF;
    -- Statements of their own: their snapshots are taken after the lock, so they see what its last holder gave, and
    -- the partitions that were made while it was held.
    partitions := (SELECT max(number) + 1 FROM events_partition);
    IF first IS NULL OR found_divergence <> '' THEN
        RETURN;
    END IF;
    WHILE ancestor IS NOT NULL LOOP
        lists := lists || ancestor;
        ancestor := (SELECT parent FROM events_partition WHERE number = ancestor);
    END LOOP;
    lists := lists || ARRAY(SELECT DISTINCT partition::integer FROM events_waiting WHERE partition >= partitions);
    waiting := ARRAY(
        SELECT entry_id FROM unnest(lists) AS list CROSS JOIN LATERAL (
            SELECT entry_id FROM events_waiting
            WHERE partition = list AND mod(slot, partitions) = of_partition ORDER BY entry_id LIMIT 500
        ) AS oldest
        ORDER BY entry_id LIMIT 500
    );
    INSERT INTO events_position (partition, position, entry_id, size)
        SELECT of_partition, first - 1 + row_number() OVER (ORDER BY id), id, octet_length(data)
        FROM events_log WHERE id = ANY (waiting);
    GET DIAGNOSTICS given = ROW_COUNT;
    IF given > 0 THEN
        DELETE FROM events_waiting WHERE partition = ANY (lists) AND entry_id = ANY (waiting);
        UPDATE events_partition SET last_position = first + given - 1 WHERE number = of_partition;
        event_ids := ARRAY(SELECT event_id FROM events_log WHERE id = ANY (waiting) ORDER BY id);
        SELECT log.event_id INTO event_before
            FROM events_position AS place JOIN events_log AS log ON log.id = place.entry_id
            WHERE place.partition = of_partition AND place.position = first - 1;
    END IF;
END
$$
"""
DROP = before.before.before.before.DROP


def replace_functions(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    statements = {
        "postgresql": (SLOT, WAIT, HASH_WAITING, DROP, CREATE),
        "sqlite": (*before.DROP_TRIGGER["sqlite"], WAIT_IN_SQLITE),
    }
    for statement in statements[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def restore_functions(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    statements = {
        "postgresql": (WAIT_AS_BEFORE, DROP, before.CREATE, "DROP FUNCTION events_slot(text)"),
        "sqlite": (*before.DROP_TRIGGER["sqlite"], *before.ADD_TRIGGER["sqlite"]),
    }
    for statement in statements[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("events", "0014_known_events")]
    survived_because = "the functions do for rows of the old code what they did before, and give what it reads"

    operations = [
        # First: its lock lets nobody record between the old function and the new one.
        migrations.AddField("logentry", "slot", models.BigIntegerField(editable=False, null=True)),
        migrations.AddField("waitingentry", "slot", models.BigIntegerField(null=True)),
        migrations.AddField("partition", "parent", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField("partition", "parent_position", models.PositiveBigIntegerField(db_default=0, default=0)),
        migrations.AddField("member", "partitions", models.PositiveSmallIntegerField(null=True)),
        migrations.RunPython(replace_functions, restore_functions),
    ]
