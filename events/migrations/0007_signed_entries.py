from importlib import import_module

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F
from django.utils import timezone

# It gives nothing while the stream has diverged, and returns the generation, which a flush needs to sign its entries.
CREATE = """
CREATE FUNCTION events_give_positions(of_partition integer, may_wait boolean,
    OUT first bigint, OUT given bigint, OUT event_before uuid, OUT event_ids uuid[], OUT current_generation bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found_divergence text;
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

before = import_module("events.migrations.0006_given_events")


def replace_function(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        before.before.drop_function(apps, schema_editor)
        schema_editor.execute(CREATE)


def restore_function(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        before.before.drop_function(apps, schema_editor)
        schema_editor.execute(before.CREATE)


def allow_unsigned_entries(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let the stream keep the entries that were appended before entries were signed."""
    partitions = apps.get_model("events", "Partition").objects.using(schema_editor.connection.alias)
    partitions.filter(last_position__gt=0).update(signed_from=F("last_position") + 1)


def forget_foreign_entries(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """End the divergences that the relay now repairs by itself: those without an event that the log has lost."""
    partitions = apps.get_model("events", "Partition").objects.using(schema_editor.connection.alias)
    partitions.filter(has_lost_events=False).update(divergence="")


class Migration(migrations.Migration):
    dependencies = [("events", "0006_given_events")]

    operations = [
        migrations.AddField("partition", "generation", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("partition", "signed_from", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("partition", "foreign_entries", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("partition", "repairs", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("partition", "repair_after", models.DateTimeField(null=True)),
        migrations.AddField("partition", "repair_pause_seconds", models.PositiveSmallIntegerField(default=0)),
        migrations.CreateModel(
            "SigningKey",
            [
                ("fingerprint", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("first_seen_at", models.DateTimeField(default=timezone.now)),
            ],
            {"db_table": "events_signing_key"},
        ),
        migrations.RunPython(allow_unsigned_entries, migrations.RunPython.noop),
        migrations.RunPython(forget_foreign_entries, migrations.RunPython.noop),
        migrations.RemoveField("partition", "has_lost_events"),
        migrations.RunPython(replace_function, restore_function),
    ]
