"""Give the groups that 0003 has made the permissions that are new since then, and take none away.

A group that was deleted or renamed is left alone; so is what an administrator has taken from a group before.
"""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

NEW = {
    "box office": (
        "tickets.change_ticket",
        "tickets.export_ticket",
        "tickets.reinstate_ticket",
        "tickets.undo_check_in_ticket",
    ),
    "auditor": ("events.view_consumergroup",),
    "operator": (
        "events.view_consumergroup",
        "events.pause_consumergroup",
        "events.forget_person",
        "events.report_person",
        "readmodel.rebuild_readmodel",
    ),
}


def add_permissions(apps, schema_editor):
    using = schema_editor.connection.alias
    for label in {permission.partition(".")[0] for names in NEW.values() for permission in names}:
        create_permissions(current_apps.get_app_config(label), verbosity=0, using=using)
    groups = apps.get_model("auth", "Group").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for group in groups.filter(name__in=NEW):
        for label, codename in (permission.split(".") for permission in NEW[group.name]):
            group.permissions.add(*permissions.filter(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_groups")]

    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
