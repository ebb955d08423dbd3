"""Fill a read model with the sample tickets, without importing them into the database, which takes seconds."""

import csv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from django.conf import settings
from django.test import override_settings
from elasticsearch import Elasticsearch

from events.testing import run_until_idle
from readmodel.index.document_index import connect
from readmodel.projection import VersionedDocument, projections
from tests.ticket_events import document

FILE = settings.BASE_DIR / "tickets/sample_tickets.csv"


class ReadModel:
    """The sample documents, and, after project(), the events that a test has recorded."""

    def __init__(self, elasticsearch: Elasticsearch) -> None:
        self._elasticsearch = elasticsearch
        for projection in projections():
            with closing(connect(projection)) as index:
                target = index.indices.ensure()
                if projection.name == "tickets":
                    index.documents(target).write(sample_documents())
        self.refresh()

    def project(self) -> None:
        run_until_idle("readmodel")
        self.refresh()

    def refresh(self) -> None:
        self._elasticsearch.indices.refresh(index=f"*{settings.READMODEL_ALIAS}*")


@contextmanager
def sample_read_model() -> Iterator[ReadModel]:
    """Make the settings name a new read model until the block ends, then delete it."""
    alias = f"test-{uuid4().hex}"
    with override_settings(READMODEL_ALIAS=alias), closing(Elasticsearch(settings.ELASTICSEARCH_URL)) as elasticsearch:
        yield ReadModel(elasticsearch)
        elasticsearch.indices.delete(index=list(elasticsearch.indices.get(index=f"*{alias}*")))
        elasticsearch.indices.delete_index_template(name=f"*{alias}")


def sample_documents() -> list[VersionedDocument]:
    with FILE.open(encoding="utf-8", newline="") as lines:
        return [document(number, **typed(row)) for number, row in enumerate(csv.DictReader(lines), start=1)]


def typed(row: dict[str, str]) -> dict[str, object]:
    starts_at = datetime.fromisoformat(row["starts_at"]).astimezone(UTC)
    return row | {"starts_at": starts_at, "price": Decimal(row["price"])}
