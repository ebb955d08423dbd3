"""Test that requests are counted by the template of their address, so that nobody can make up labels."""

from collections.abc import Iterator

import pytest
from django.test import Client

from config.measurements import REQUEST_SECONDS, REQUESTS
from events.measuring.instruments import Labels

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted() -> Iterator[list[Labels]]:
    """The labels of the requests that are counted from now on."""
    found: list[Labels] = []
    before = {instrument: instrument._observer for instrument in (REQUESTS, REQUEST_SECONDS)}
    REQUESTS.observe(lambda _, labels: found.append(labels))
    REQUEST_SECONDS.observe(lambda _, labels: found.append(labels))
    yield found
    for instrument, observer in before.items():
        instrument.observe(observer)


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/tickets/01a2282d-5127-748f-88d3-5fd4a460e281/", ("GET", "tickets/<uuid:ticket_id>/", "302")),
        ("GET", "/", ("GET", "/", "302")),
        ("GET", "/made/up/17", ("GET", "none", "404")),
        ("BREW", "/made/up/18", ("other", "none", "405")),
    ],
)
def test_a_request_is_counted_and_timed_once(
    method: str, path: str, labels: Labels, client: Client, counted: list[Labels]
) -> None:
    client.generic(method, path)

    assert counted == [labels, labels[:2]]
