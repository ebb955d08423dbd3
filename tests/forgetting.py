"""A person in every place that the service has, for the tests of forgetting."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.admin.models import CHANGE
from django.contrib.admin.models import LogEntry as HistoryEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from elasticsearch import Elasticsearch

from events import unit_of_work
from events.models import DeadLetter, DeadLetterAction, LogEntry
from tests.tickets import issue
from tickets.models import Ticket

ADA = "Ada@Example.org"
NAME = "Ada Lovelace"
TRACES = ("ada@example.org", "ada lovelace")


def issue_tickets() -> list[Ticket]:
    """Issue tickets that Ada has, had, or is named in, and some of others who are nearly called the same."""
    hers = issue(holder_name=NAME, holder_email=ADA)
    replaced = issue(holder_name=NAME, holder_email=ADA.lower(), seat="for ada@example.org")
    replaced.cancel(reason=f"{NAME} asked for it, write to {ADA}")
    passed_on = issue(holder_name=NAME, holder_email=ADA)
    passed_on.update(holder_name="Bob", holder_email="bob@example.org")
    used = issue(holder_name=NAME, holder_email=ADA)
    used.check_in()
    issue(holder_name="Nada", holder_email="nada@example.org")
    issue(holder_name="Ada", holder_email="ada@example.org.uk")
    namesake = issue(holder_name=NAME, holder_email="another@example.org")
    namesake.cancel(reason=f"instead of {NAME}")
    store_in_version_1(hers)
    tell_of(hers)
    return [hers, replaced, passed_on, used, namesake]


def store_in_version_1(ticket: Ticket) -> None:
    """Rewrite the ticket's first event as an early release wrote it."""
    entry = LogEntry.objects.get(subject=ticket.id, aggregate_version=1)
    data = json.loads(entry.data)
    del data["ticket"]["time_zone"]
    data["ticket"]["price"] = "25.00"
    LogEntry.objects.filter(id=entry.id).update(data=json.dumps(data), schema_version=1)


def tell_of(ticket: Ticket) -> None:
    """Write of the holder where failures and the admin's actions are told."""
    entry = LogEntry.objects.get(subject=ticket.id, aggregate_version=1)
    letter = DeadLetter.objects.create(
        group="access",
        partition=entry.partition,
        position=1,
        entry_id="1-0",
        event_id=entry.event_id,
        type=entry.type,
        subject=entry.subject,
        state=DeadLetter.State.HANDLED,
        error_type="ValueError",
        error=f"refused: {ADA} of {NAME}",
        traceback=f"Traceback: holder_email={ADA!r}",
        edited_data=entry.data,
        edited_version=1,
    )
    DeadLetterAction.objects.create(letter=letter, actor="clerk", action="edited", detail=f"-{ADA}\n+{NAME}")
    DeadLetter.objects.create(
        group="access", partition=0, entry_id="9-9", fields={"who": [ADA]}, error_type="Foreign", error="no"
    )
    HistoryEntry.objects.create(
        user=User.objects.create(username="clerk"),
        content_type=ContentType.objects.get_for_model(Ticket),
        object_id=str(ticket.id),
        object_repr=f"ticket of {ADA}",
        action_flag=CHANGE,
        change_message=json.dumps([{"changed": {"fields": [f"from {ADA}"]}}]),
    )


def forget(*arguments: str) -> str:
    out = StringIO()
    call_command("forget_person", *arguments, "--yes", stdout=out, stderr=out)
    return out.getvalue()


def traces_in(text: str) -> list[str]:
    """Return the parts of the text that tell of Ada, and not of those who are nearly called the same."""
    plain = text.casefold()
    for other in ("nada@example.org", "ada@example.org.uk"):
        plain = plain.replace(other, "")
    return [trace for trace in TRACES if trace in plain]


def traces_in_database() -> dict[str, list[str]]:
    """Return what any table tells of Ada, by its name."""
    found = {}
    for model in apps.get_models():
        rows = "\n".join(str(row) for row in model._base_manager.values_list())
        if traces := traces_in(rows):
            found[model._meta.db_table] = traces
    return found


def traces_in_indices(elasticsearch: Elasticsearch, alias: str) -> list[str]:
    elasticsearch.indices.refresh(index=f"*{alias}*")
    hits = elasticsearch.search(index=f"*{alias}*", size=10_000, expand_wildcards="all")["hits"]["hits"]
    assert hits
    return traces_in(json.dumps([hit["_source"] for hit in hits], ensure_ascii=False))


def traces_in_stream(client: Any, key: str) -> list[str]:
    entries = client.xrange(key)
    assert entries
    return traces_in(str(entries))


def lines_of(file: Path | str) -> Sequence[Any]:
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def restore(tables: dict[str, list[Any]]) -> None:
    """Put back rows as a backup has them, and forget that they were forgotten."""
    with unit_of_work():
        apps.get_model("events", "Forgetting").objects.all().delete()
        for label, rows in tables.items():
            model = apps.get_model(label)
            names = [field.attname for field in model._meta.concrete_fields if not field.generated]
            model._base_manager.bulk_update(rows, [name for name in names if name != model._meta.pk.attname])


def backup() -> dict[str, list[Any]]:
    return {label: list(apps.get_model(label)._base_manager.all()) for label in ("tickets.Ticket", "events.LogEntry")}
