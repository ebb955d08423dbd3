"""Test that /metrics reports the state of real servers."""

import pytest
from django.core.management import call_command
from django.test import Client
from elasticsearch import Elasticsearch
from pytest_django import Settings

from config.metrics.families import FAMILIES
from events.models import Checkpoint, DeadLetter
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.index.document_index import connect
from readmodel.tickets.documents import TicketDocuments
from tests.damage import Damage
from tests.tickets import issue
from tests.unit.config.metrics.test_views import scrape, token

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["token"]


def test_every_family_of_metrics_is_measured(
    client: Client, token: str, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    tickets = [issue() for _ in range(3)]
    relay.sweep(stream, 0)
    call_command("consume_events", "readmodel", until_idle=True)
    Damage(elasticsearch, settings.READMODEL_ALIAS).alter(str(tickets[0].id))
    call_command("verify_readmodel", repair=True)
    tickets[0].check_in()
    relay.sweep(stream, 0)
    settings.EVENTS_FLUSH_ON_COMMIT = False
    tickets[1].check_in()
    index = connect(TicketDocuments)
    searched = index.indices.ensure()
    index.close()
    DeadLetter.objects.create(group="access", partition=0, entry_id="1-0", error_type="", error="")
    Checkpoint.objects.create(group="access", partition=0, position=1)

    found = scrape(client, token)

    assert found.keys() == FAMILIES.keys()
    assert found["metrics_source_up"] == {"database": 1, "stream": 1, "elasticsearch": 1}
    assert found["events_log_position"] == found["events_stream_position"] == {"0": 4}
    assert found["events_stream_entries"] == {"0": 4}
    assert found["events_log_unflushed_events"] == {"0": 1}
    of_tickets = f"readmodel {searched.uuid} 0"
    lags = found["events_group_lag_events"]
    assert lags["access  0"] == 3
    assert lags[of_tickets] == 1
    assert found["events_group_lag_seconds"][of_tickets] > 0
    assert found["events_group_checkpoint_position"][of_tickets] == 3
    assert found["events_group_dead_letters"]["access  0"] == 1
    assert found["events_group_owned"][of_tickets] == 0
    assert found["readmodel_behind_seconds"][""] > 0
    assert found["readmodel_index_info"][f"{searched.uuid} {searched.name} tickets true"] == 1
    assert len(found["readmodel_index_info"]) == 2
    wrong = found["readmodel_wrong_documents_total"]
    assert {labels: number for labels, number in wrong.items() if number} == {"tickets altered true": 1}
