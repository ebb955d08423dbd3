"""The log in the admin: its list is bounded whatever the log's size, and each event leads to its relatives."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import record, unit_of_work
from events.models import LogEntry
from events.recording.collector import Collector, collecting
from tests.letters import happen, park
from tests.things import ThingMade, ThingMoved
from tests.unit.events.admin.test_dead_letters import READ, client_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

LIST = "/admin/events/logentry/"


def made(*names: str, correlation: str = "one request", **origin: Any) -> list[LogEntry]:
    with collecting(Collector(correlation_id=correlation, actor=lambda: "ada", **origin)), unit_of_work():
        record(*(ThingMade(name=name, version=1) for name in names))
    return list(LogEntry.objects.filter(subject__in=names).order_by("id"))


def listed(client: Client, query: str = "") -> list[str]:
    response = client.get(f"{LIST}?{query}")
    return [entry.subject for entry in response.context["cl"].result_list]


def test_an_event_is_found_by_each_of_its_ids_and_by_filters() -> None:
    client = client_with(READ)
    first, _ = made("a", "b", correlation="x y")
    made("c", correlation="other")
    with unit_of_work():
        record(ThingMoved(name="a", version=2))

    assert listed(client) == ["a", "c", "b", "a"]
    assert listed(client, f"q={first.event_id}") == ["a"]
    assert listed(client, "q=b") == ["b"]
    assert listed(client, f"q={quote('x y')}") == ["b", "a"]
    assert listed(client, f"q={uuid4()}") == []
    assert listed(client, "type=thing.moved") == ["a"]
    assert listed(client, "aggregate=thing&type=thing.made") == ["c", "b", "a"]
    assert listed(client, f"before={LogEntry.objects.get(subject='c').id}") == ["b", "a"]
    assert listed(client, f"before={'9' * 40}&q=c") == ["c"]
    assert listed(client, f"before={'9' * 5_000}&q=c") == ["c"]


def test_the_list_counts_no_more_than_it_shows_and_leads_below_by_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_with(READ)
    monkeypatch.setattr("events.admin.log_entries.MOST_COUNTED", 3)
    monkeypatch.setattr("events.admin.log_entries.LogEntryAdmin.list_per_page", 2)
    made(*"abcdef")

    with CaptureQueriesContext(connection) as queries:
        response = client.get(LIST)

    assert response.context["cl"].result_count == 3
    counting = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "events_log" in query["sql"]]
    assert len(counting) == 1
    assert "LIMIT 3" in counting[0]
    older = f"?before={LogEntry.objects.get(subject='e').id}"
    assert f'href="{older}"' in response.text
    assert listed(client, older.removeprefix("?")) == ["d", "c"]


def test_an_event_shows_its_payload_and_leads_to_its_relatives() -> None:
    client = client_with(READ)
    cause, sibling = made("cause", "sibling")
    [event] = made("<b>event", causation_id=str(cause.event_id))
    with collecting(Collector(causation_id=str(event.event_id))), unit_of_work():
        record(ThingMoved(name="<b>event", version=2))
    later = LogEntry.objects.latest("id")

    page = client.get(f"{LIST}{event.id}/change/").text

    links = {number for number in (cause.id, sibling.id, later.id) if f'href="{LIST}{number}/change/"' in page}
    assert links == {cause.id, sibling.id, later.id}
    assert page.count(f'href="{LIST}{later.id}/change/"') == 2  # The next of its aggregate, and a consequence.
    assert "&quot;name&quot;: &quot;&lt;b&gt;event&quot;" in page
    assert "<b>event" not in page


def test_the_way_of_an_event_names_each_station(settings: Settings) -> None:
    settings.EVENTS_SUBSCRIBERS = {"things": "tests.letters.Ordered"}
    client = client_with(READ)
    park("a")
    happen("b")
    parked, waiting = LogEntry.objects.order_by("id")

    pages = [client.get(f"{LIST}{entry.id}/way/").text for entry in (parked, waiting)]

    assert ["dead letter" in page for page in pages] == [True, False]
    assert ["no process of the group runs" in page for page in pages] == [False, True]
    assert ["<p>there</p>" in page for page in pages] == [True, False]
    assert client_with("view_deadletter", name="other").get(f"{LIST}{parked.id}/way/").status_code == 403
    assert client.get(f"{LIST}0/way/").status_code == 404
