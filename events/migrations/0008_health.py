from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0007_signed_entries")]

    # Processes of the release before insert rows without these columns.
    operations = [
        migrations.AddField("member", "seen_until", models.DateTimeField(null=True)),
        migrations.AddField("member", "silent_seconds", models.FloatField(default=0, db_default=0)),
        migrations.AddField("checkpoint", "hung_to", models.PositiveBigIntegerField(default=0, db_default=0)),
        migrations.AddField("checkpoint", "hangs", models.PositiveIntegerField(default=0, db_default=0)),
    ]
