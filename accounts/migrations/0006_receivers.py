"""Let operators see and change the receivers of webhooks; a group that was deleted or renamed is left alone."""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

NEW = ("view_receiver", "add_receiver", "change_receiver", "delete_receiver")


def add_permissions(apps, schema_editor):
    using = schema_editor.connection.alias
    create_permissions(current_apps.get_app_config("tickets"), verbosity=0, using=using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name="operator"):
        group.permissions.add(*permissions.filter(content_type__app_label="tickets", codename__in=NEW))


class Migration(migrations.Migration):
    survived_because = "a permission that is new means nothing to the release before"

    dependencies = [("accounts", "0005_names_of_fields"), ("tickets", "0012_receivers")]

    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
