"""Test who may read /metrics, and what it answers while servers are down."""

import secrets
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Token
from config.metrics.families import FAMILIES
from events import record, unit_of_work
from events.groups.ownership import Ownership
from events.log.positions import give_positions
from events.models import Checkpoint, LogEntry, Partition
from events.relay import flush as relay
from events.stream.interface import Stream
from readmodel.models import WrongDocuments
from tests.things import ThingMade
from tickets.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def token() -> str:
    """The token of a user who may see the metrics and nothing else."""
    user = User.objects.create_user(f"prometheus-{secrets.token_hex(4)}")
    user.user_permissions.add(Permission.objects.get(codename="view_metrics"))
    return Token.issue(user=user, name="of a test").text


def scrape(client: Client, token: str) -> dict[str, dict[str, float]]:
    """Return what was read for this answer: values by metric name, and by the values of the labels."""
    response = client.get("/metrics", headers={"Authorization": f"Token {token}"})
    assert response.status_code == 200
    measured = [sample for found in text_string_to_metric_families(response.text) for sample in found.samples]
    samples = [sample for sample in measured if sample.name in FAMILIES]
    values: dict[str, dict[str, float]] = {}
    for sample in samples:
        values.setdefault(sample.name, {})[" ".join(map(sample.labels.__getitem__, FAMILIES[sample.name].labels))] = (
            sample.value
        )
    assert sum(map(len, values.values())) == len(samples)  # No two samples have the same labels.
    return values


def test_a_scrape_without_a_token_is_refused(client: Client) -> None:
    response = client.get("/metrics")

    assert response.status_code == 401
    assert b"events_" not in response.content


def test_a_scrape_without_the_permission_is_refused(client: Client) -> None:
    client.force_login(User.objects.create_user("somebody", is_staff=True))

    response = client.get("/metrics")
    assert response.status_code == 403
    assert b"events_" not in response.content


def test_servers_that_are_down_are_reported_and_the_databases_figures_remain(client: Client, token: str) -> None:
    found = scrape(client, token)

    assert found["metrics_source_up"] == {"database": 1, "stream": 0, "elasticsearch": 0}
    assert found["events_log_position"] == {"0": 0}
    assert found["events_group_lag_events"] == {"access  0": 0, "readmodel  0": 0}
    assert found.keys().isdisjoint({"events_stream_entries", "readmodel_behind_seconds"})


def test_a_handler_that_hangs_is_reported(client: Client, token: str) -> None:
    ownership = Ownership("access", "one")
    ownership.silent_seconds = 57.0
    ownership.heartbeat()
    assert ownership.acquire(0)
    Checkpoint.objects.create(group="access", partition=0, hangs=2)

    found = scrape(client, token)

    assert found["events_group_handler_silent_seconds"]["access  0"] == 57
    assert found["events_group_handler_hangs_total"]["access  0"] == 2


def test_a_diverged_stream_is_reported(client: Client, token: str, stream: Stream) -> None:
    assert scrape(client, token)["events_stream_diverged"] == {"0": 0}
    Partition.objects.update(divergence="the stream has our event 1 at position 7")

    found = scrape(client, token)

    assert found["events_stream_diverged"] == {"0": 1}
    assert found["metrics_source_up"]["stream"] == 1


def test_foreign_entries_and_repairs_are_counters(client: Client, token: str, stream: Stream) -> None:
    Partition.objects.update(foreign_entries=3, repairs=2)

    found = scrape(client, token)

    assert found["events_stream_foreign_entries_total"] == {"0": 3}
    assert found["events_stream_repairs_total"] == {"0": 2}


def test_what_the_instruments_tell_is_served_too(client: Client, token: str) -> None:
    before = measured(client, token, "events_flushes_total", result="unavailable")

    for _ in range(4):
        relay.flush_committed({0})  # No Redis listens there.

    assert measured(client, token, "events_flushes_total", result="unavailable") == before + 3
    assert measured(client, token, "events_flush_breaker_open") == 1


def measured(client: Client, token: str, name: str, **labels: str) -> float:
    text = client.get("/metrics", headers={"Authorization": f"Token {token}"}).text
    samples = [sample for found in text_string_to_metric_families(text) for sample in found.samples]
    return sum(sample.value for sample in samples if (sample.name, sample.labels) == (name, labels))


def test_a_job_that_no_worker_takes_is_reported(client: Client, token: str) -> None:
    found = scrape(client, token)
    assert (found["tickets_jobs_unfinished"], found["tickets_jobs_silent_seconds"]) == ({"": 0}, {"": 0})
    Job.objects.create(kind=JobKind.CANCEL, heartbeat_at=timezone.now() - timedelta(minutes=5))
    Job.objects.create(kind=JobKind.CANCEL)
    Job.objects.create(kind=JobKind.CANCEL, heartbeat_at=timezone.now() - timedelta(days=5), state=JobState.FINISHED)

    found = scrape(client, token)

    assert found["tickets_jobs_unfinished"] == {"": 2}
    assert 300 <= found["tickets_jobs_silent_seconds"][""] < 3_600


def test_repaired_documents_are_a_counter(client: Client, token: str) -> None:
    WrongDocuments.objects.create(projection="tickets", kind="altered", is_repaired=True, number=3)

    found = scrape(client, token)["readmodel_wrong_documents_total"]

    assert {labels: number for labels, number in found.items() if number} == {"tickets altered true": 3}
    assert found["timeline ghost false"] == 0  # Else Prometheus would take the first finding for no increase.


def test_events_that_wait_for_a_position_have_an_age(client: Client, token: str) -> None:
    assert scrape(client, token)["events_log_unflushed_seconds"] == {"0": 0}
    with unit_of_work():
        record(ThingMade(name="one"))
    LogEntry.objects.update(time=timezone.now() - timedelta(minutes=5))

    assert 300 <= scrape(client, token)["events_log_unflushed_seconds"]["0"] < 3_600


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3", "application/openmetrics-text"),
    ],
)
def test_the_format_follows_the_accept_header(accept: str, content_type: str, client: Client, token: str) -> None:
    headers = {"Authorization": f"Token {token}"} | ({"Accept": accept} if accept else {})

    response = client.get("/metrics", headers=headers)

    assert response["Content-Type"].startswith(content_type)


def test_a_scrape_of_a_longer_log_needs_no_more_queries(client: Client, token: str) -> None:
    scrape(client, token)
    with CaptureQueriesContext(connection) as of_none:
        scrape(client, token)
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{number}") for number in range(50)))
    give_positions(0)

    with CaptureQueriesContext(connection) as of_fifty:
        found = scrape(client, token)

    assert found["events_group_lag_events"]["access  0"] == 50
    assert len(of_fifty) == len(of_none)


def test_metric_names_follow_the_prometheus_conventions() -> None:
    for name, family in FAMILIES.items():
        assert name.startswith(("events_", "readmodel_", "metrics_", "tickets_"))
        assert family.documentation.endswith(".")
