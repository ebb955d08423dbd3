"""Load the project for one benchmark, on the servers that the environment names, or on embedded ones."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from config.engines.running import running_engines

LOG_TABLES = "events_log, events_position, events_waiting"
PLACE = """
WITH oldest AS (
    SELECT entry_id, row_number() OVER (ORDER BY entry_id) + %(after)s AS position
    FROM events_waiting ORDER BY entry_id LIMIT %(events)s
), taken AS (
    DELETE FROM events_waiting USING oldest WHERE events_waiting.entry_id = oldest.entry_id
)
INSERT INTO events_position (entry_id, partition, position, size)
SELECT id, 0, oldest.position, octet_length(data) FROM oldest JOIN events_log ON id = entry_id
"""
URLS = ("DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL")


@contextmanager
def loaded_project(settings: str = "config.settings", *, needs_elasticsearch: bool = True) -> Iterator[None]:
    """Start servers, set up Django on them, and migrate; stop the servers at the end.

    A server that the environment names stays, without this run's indices, which have an alias of their own.
    """
    alias = os.environ["READMODEL_ALIAS"] = f"benchmark-{secrets.token_hex(8)}"
    with ExitStack() as ending:
        data = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        named = {name for name in URLS if os.environ.get(name)} | ({URLS[-1]} if not needs_elasticsearch else set())
        for engine in ending.enter_context(running_engines(data, without=named)):
            os.environ[engine.variable] = engine.administrator_url
        os.environ.update(SECRET_KEY=secrets.token_urlsafe(), DATA_DIR=str(data), LOG_LEVEL="ERROR")
        os.environ.update(API_USER_PER_MINUTE="1000000", API_ADDRESS_PER_MINUTE="1000000", HTTPS_ONLY="false")
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
        django.setup()
        call_command("migrate", verbosity=0)
        if needs_elasticsearch:
            ending.callback(delete_indices, alias)
        yield


def delete_indices(alias: str) -> None:
    from django.conf import settings as django_settings  # noqa: PLC0415 (after the setup)
    from elasticsearch import Elasticsearch  # noqa: PLC0415

    with closing(Elasticsearch(django_settings.ELASTICSEARCH_URL)) as client:
        if names := list(client.indices.get(index=f"*{alias}*")):
            client.indices.delete(index=names)
        client.options(ignore_status=404).indices.delete_index_template(name=f"*{alias}")


def empty_servers() -> None:
    """Delete all tickets, the log, the stream and all checkpoints."""
    from events.stream.interface import open_stream  # noqa: PLC0415 (after the setup)

    execute(f"TRUNCATE tickets_ticket, {LOG_TABLES}, events_checkpoint CASCADE")
    execute("UPDATE events_partition SET last_position = 0, divergence = ''")
    with closing(open_stream()) as stream:
        stream.delete(0)


def vacuum_log() -> None:
    execute(f"VACUUM ANALYZE {LOG_TABLES}")


def empty_log() -> None:
    execute(f"TRUNCATE {LOG_TABLES}")
    execute("UPDATE events_partition SET last_position = 0")


def place(events: int, *, after: int = 0) -> None:
    """Give positions to the oldest waiting events, all at once."""
    from django.db import connection  # noqa: PLC0415 (after the setup)

    from events.models import Partition  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(PLACE, {"events": events, "after": after})
    Partition.objects.update(last_position=after + events)


def execute(statement: str) -> None:
    from django.db import connection  # noqa: PLC0415 (after the setup)

    with connection.cursor() as cursor:
        cursor.execute(statement)
