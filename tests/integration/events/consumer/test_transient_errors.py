"""Errors of PostgreSQL in a handler: the code decides whether the batch is kept or an attempt is counted."""

from collections.abc import Callable

import pytest
from django.db import Error, connection, transaction

from events import log, record, unit_of_work
from events.consumer.delivery import Delivery
from events.consumer.settling import Batch
from events.exceptions import AttemptFailed
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.models import Checkpoint, DeadLetter
from events.relay import flush as relay
from events.stream.interface import Stream
from events.subscriber import Subscriber
from tests.things import ThingMade

pytestmark = pytest.mark.django_db(transaction=True)

CLAIM = Claim("things", "", 0, epoch=1)
TRANSIENT = "08000 08006 40001 40P01 53100 53200 53300 55P03 57P01 57P02 57P03 25006"
OF_THE_EVENT = "22001 22003 22P05 23505 42P01 54000 54001 57014 57P04 XX000 P0001 25P02"


class Failing(Subscriber):
    def __init__(self, fail: Callable[[], None]) -> None:
        self.fail = fail

    def handle(self, batch: Batch) -> None:
        self.fail()


class Transactional(Failing):
    transactional = True


@pytest.fixture
def batch(stream: Stream) -> Batch:
    with unit_of_work():
        record(ThingMade(name="a"))
    relay.sweep(stream, 0)
    checkpoint.load(CLAIM)
    return log.read_after(0, 0)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def deliver(subscriber: Subscriber, batch: Batch) -> None:
    delivery = Delivery(subscriber, most=500)
    delivery.settled_to[0] = Checkpoint.objects.get().position
    try:
        delivery.deliver(CLAIM, batch)
    finally:
        delivery.close()


def attempts() -> int:
    return Checkpoint.objects.get().attempts


@pytest.mark.parametrize("kind", [Failing, Transactional])
@pytest.mark.parametrize(
    ("code", "counted"), [(code, 0) for code in TRANSIENT.split()] + [(code, 1) for code in OF_THE_EVENT.split()]
)
def test_the_code_decides_whether_an_attempt_is_counted(
    batch: Batch, kind: type[Failing], code: str, counted: int
) -> None:
    subscriber = kind(lambda: execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$"))

    with pytest.raises(AttemptFailed if counted else Error):
        deliver(subscriber, batch)

    assert attempts() == counted


def time_out() -> None:
    with transaction.atomic():
        execute("SET LOCAL statement_timeout = 10")
        execute("SELECT pg_sleep(5)")


def test_a_statement_that_times_out_is_parked_after_five_attempts(batch: Batch) -> None:
    for _ in range(4):
        with pytest.raises(AttemptFailed):
            deliver(Failing(time_out), batch)
    deliver(Failing(time_out), batch)

    letter = DeadLetter.objects.get()
    assert (letter.error_type, letter.attempts) == ("OperationalError", 5)


def test_a_session_that_is_ended_keeps_the_batch(batch: Batch) -> None:
    with pytest.raises(Error):
        deliver(Transactional(lambda: execute("SELECT pg_terminate_backend(pg_backend_pid())")), batch)
    connection.close()

    assert attempts() == 0


def test_a_connection_that_is_closed_keeps_the_batch(batch: Batch) -> None:
    def close() -> None:
        connection.connection.close()
        execute("SELECT 1")

    with pytest.raises(Error):
        deliver(Failing(close), batch)
    connection.close()

    assert attempts() == 0
