import logging

import django.core.validators
from django.db import migrations, models
from django.db.models import Count, Value
from django.db.models.functions import Replace, Upper

logger = logging.getLogger(__name__)


def tell_twins_apart(apps, schema_editor):
    """Number the tickets whose codes have the same key, the oldest one from 0."""
    rows = apps.get_model("tickets", "Ticket").objects.using(schema_editor.connection.alias).order_by()
    keys = rows.values("code_key").annotate(tickets=Count("id")).filter(tickets__gt=1)
    for key in list(keys.values_list("code_key", flat=True)):
        tickets = list(rows.filter(code_key=key).order_by("id"))
        logger.warning(
            "the codes %s differ only in case or hyphens; a look-up shows all of them",
            ", ".join(ticket.code for ticket in tickets),
        )
        for number, ticket in enumerate(tickets):
            rows.filter(id=ticket.id).update(code_twin=number)


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="code_key",
            field=models.GeneratedField(
                db_persist=True,
                expression=Upper(Replace("code", Value("-"), Value(""))),
                output_field=models.CharField(max_length=20),
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="code_twin",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RunPython(tell_twins_apart, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.UniqueConstraint(fields=("code_key", "code_twin"), name="tickets_ticket_spelling"),
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
