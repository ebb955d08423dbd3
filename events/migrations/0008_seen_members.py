from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0006_given_events")]

    operations = [migrations.AddField("member", "seen_until", models.DateTimeField(null=True))]
