"""The migration to signed entries, with a log and a stream of the release before it."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from events import log, record, unit_of_work
from events.models import Partition
from events.relay import flush as relay
from events.stream.interface import Stream
from tests.things import ThingMade

pytestmark = pytest.mark.django_db(transaction=True)

FOREIGN = "the stream ends with an entry at 9 that is not an event"


def migrate(*target: str) -> None:
    call_command("migrate", "events", *target, verbosity=0)


@pytest.fixture
def _before() -> Iterator[None]:
    migrate("0006")
    yield
    migrate()


def make_thing(name: str) -> None:
    with unit_of_work():
        record(ThingMade(name=name))


@pytest.mark.usefixtures("_before")
def test_the_unsigned_window_goes_on_and_a_foreign_entry_is_no_divergence_any_more(stream: Stream) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_partition SET last_position = 3, divergence = %s", [FOREIGN])
    migrate()
    make_thing("a")

    relay.sweep(stream, 0)

    found = Partition.objects.get()
    assert (found.signed_from, found.divergence, found.last_position) == (4, "", 4)
    assert [entry.envelope for entry in stream.entries(0, after="0", count=10)] == log.read_after(0, 3)
