"""Test requests with the same idempotency key that are sent at the same time, on PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from events import unit_of_work
from tests.locks import somebody_waits_for_a_lock
from tests.rest import LIST
from tests.tickets import issue
from tests.waiting import PATIENCE_SECONDS, wait_until
from tickets.models import Ticket


@contextmanager
def closed_at_end() -> Iterator[None]:
    """Close the connection of a thread."""
    try:
        yield
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_while_a_request_is_carried_out_its_repetition_is_refused_at_once() -> None:
    ticket, root = issue(), User.objects.create_superuser("root")

    locked, released = Event(), Event()

    def hold() -> None:
        with closed_at_end(), unit_of_work():
            Ticket.objects.lock([ticket])
            locked.set()
            released.wait(PATIENCE_SECONDS)

    def cancel(key: str = "1") -> Any:
        client = APIClient()
        client.force_authenticate(root)
        with closed_at_end():
            return client.post(f"{LIST}{ticket.id}/cancel/", headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(2) as threads:
        threads.submit(hold)
        locked.wait(PATIENCE_SECONDS)
        first = threads.submit(cancel)
        try:
            wait_until(somebody_waits_for_a_lock)
            meanwhile = cancel()
        finally:
            released.set()
        carried_out = first.result()
    again, other = cancel(), cancel("2")

    assert (meanwhile.status_code, meanwhile.headers["Retry-After"]) == (409, "1")
    assert meanwhile.json()["type"] == "urn:problem:idempotency-key-in-flight"
    assert (carried_out.status_code, again.status_code) == (200, 200)
    assert again.content == carried_out.content
    assert (again.headers["Idempotent-Replayed"], other.status_code) == ("true", 409)
    assert Ticket.objects.count() == 2
