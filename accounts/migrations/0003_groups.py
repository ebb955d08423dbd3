"""Make the groups once, with their permissions, which Django makes only after all migrations: make these first.

Permissions need no table of their app, so this depends on no migration of the other apps.
"""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

from accounts.groups import GROUPS


def make_groups(apps, schema_editor):
    using = schema_editor.connection.alias
    for label in {permission.partition(".")[0] for names in GROUPS.values() for permission in names}:
        create_permissions(current_apps.get_app_config(label), verbosity=0, using=using)
    group_class, permission_class = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, permissions in GROUPS.items():
        group, is_new = group_class.objects.using(using).get_or_create(name=name)
        for label, codename in (permission.split(".") for permission in permissions if is_new):
            found = permission_class.objects.using(using).filter(content_type__app_label=label, codename=codename)
            group.permissions.add(*found)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_take_over_tokens"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
