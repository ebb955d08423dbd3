import logging

import django.core.validators
from django.db import migrations, models
from django.db.models import Count, Value
from django.db.models.functions import Concat, Replace, Upper

logger = logging.getLogger(__name__)


def fill(apps, schema_editor):
    """Give each ticket its code's key; where several codes have the same key, only the oldest ticket gets it."""
    rows = apps.get_model("tickets", "Ticket").objects.using(schema_editor.connection.alias).order_by()
    rows.update(code_key=Upper(Replace("code", Value("-"), Value(""))))
    # No other key has a slash, and no two codes are written alike.
    rows.filter(code_key="").update(code_key=Concat(Value("/"), "code"))
    keys = rows.values("code_key").annotate(tickets=Count("id")).filter(tickets__gt=1)
    for key in list(keys.values_list("code_key", flat=True)):
        oldest, *later = rows.filter(code_key=key).order_by("id")
        logger.warning(
            "the codes %s differ only in case or hyphens: the first is found in any spelling, the others as written",
            ", ".join(ticket.code for ticket in [oldest, *later]),
        )
        rows.filter(id__in=[ticket.id for ticket in later]).update(code_key=Concat(Value(f"{key}/"), "code"))


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="code_key",
            field=models.CharField(default="", editable=False, max_length=50),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="ticket",
            name="code_key",
            field=models.CharField(editable=False, max_length=50, unique=True),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="code",
            field=models.CharField(
                blank=True,
                help_text="Made where none is given.",
                max_length=20,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "^-*[A-Za-z0-9][A-Za-z0-9-]*\\Z",
                        "A code has letters A to Z, digits and hyphens only, and not only hyphens.",
                    )
                ],
            ),
        ),
    ]
