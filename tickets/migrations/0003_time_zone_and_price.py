import django.core.validators
from django.db import migrations, models

import tickets.values.validators
from tickets.values.defaults import default_time_zone


def fill(apps, schema_editor):
    """Give the tickets the default time zone. Those that processes of the release before insert get it when read."""
    rows = apps.get_model("tickets", "Ticket").objects.using(schema_editor.connection.alias)
    rows.update(time_zone=default_time_zone())


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_code_key")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="time_zone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The venue's, for example Europe/Berlin. Without one it is TICKETS_TIME_ZONE.",
                max_length=50,
                validators=[tickets.values.validators.validate_time_zone],
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="price",
            field=models.DecimalField(
                decimal_places=3, max_digits=11, validators=[django.core.validators.MinValueValidator(0)]
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
