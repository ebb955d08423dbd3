"""PostgreSQL is killed under load, or made read-only and back: all go on as soon as it can be written again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from elasticsearch import Elasticsearch
from pytest_django import Settings
from rest_framework.test import APIClient

from events.log.reading import last_position
from events.models import Checkpoint, LogEntry
from events.stream.interface import Stream
from tests.database_server import administrator, fill_the_pool, in_a_thread, kill_and_wait_for_the_next, read_only
from tests.faults.conftest import Start
from tests.faults.roles import consume, issue, relay
from tests.faults.test_losses import has_reached_the_end
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.waiting import wait_until

PARALLEL_REQUESTS = 60


def get(user: User) -> int:
    """Return the status of a request that needs the database, in a session that is returned at its end."""
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    try:
        return client.get("/api/tickets/").status_code
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_after_a_crash_under_load_the_first_requests_succeed() -> None:
    user = User.objects.create_superuser("admin")
    fill_the_pool()
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as threads:
        underway = [threads.submit(get, user) for _ in range(PARALLEL_REQUESTS)]
        kill_and_wait_for_the_next()
        statuses = {request.result() for request in underway}

    assert statuses <= {200, 503}
    assert [get(user) for _ in range(3)] == [200, 200, 200]


def test_relay_and_consumer_go_on_when_the_database_is_writable_again(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    relaying, consumer = start(relay), start(consume)
    issue()
    wait_until(has_reached_the_end)

    with read_only():
        with pytest.raises(DatabaseError, match="read-only"):
            issue()
        connection.close()
        wait_until(sessions_of_others)  # They have a session again, which began while the database was read-only.
    in_a_thread(issue)

    wait_until(has_reached_the_end)
    assert LogEntry.objects.count() == last_position(0) == 2
    assert set(Checkpoint.objects.values_list("position", flat=True)) == {2}
    assert relaying.is_alive()
    assert consumer.is_alive()
    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def sessions_of_others() -> bool:
    with administrator() as session:
        found = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [connection.settings_dict["NAME"]]
        ).fetchone()
    return bool(found) and found[0] >= 2
