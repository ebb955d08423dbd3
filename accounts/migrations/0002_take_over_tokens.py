"""Take over the tokens of REST framework, which kept them as they are: store their hashes, and drop its table."""

from datetime import UTC
from hashlib import sha256

from django.db import migrations

OLD_TABLE = "authtoken_token"
NAME = "of an earlier release"
SHOWN = 4


def take_over(apps, schema_editor):
    connection = schema_editor.connection
    if OLD_TABLE not in connection.introspection.table_names():
        return
    token_class = apps.get_model("accounts", "Token")
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, created, user_id FROM authtoken_token")
        rows = cursor.fetchall()
    for key, created, user_id in rows:
        token_class.objects.create(
            user_id=user_id,
            name=NAME,
            digest=sha256(key.encode()).hexdigest(),
            start=key[:SHOWN],
            created_at=_instant(created),
        )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE authtoken_token")
    apps.get_model("contenttypes", "ContentType").objects.filter(app_label="authtoken").delete()


def _instant(stored):
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)  # SQLite has no zones.


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tokens_and_attempts"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(take_over, migrations.RunPython.noop, elidable=False)]
