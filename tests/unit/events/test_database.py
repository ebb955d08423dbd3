"""The events' tables are read and written in EVENTS_DATABASE, whatever the project's routers say."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from events import record, unit_of_work
from events.checks import TAG
from events.dead_letters import actions
from events.exceptions import LeaseLost, NotInTransaction
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.log.partitions import create_partitions
from events.models import Checkpoint, DeadLetter, DeadLetterAction, Lease, LogEntry, Partition
from events.operations.status import status
from events.operations.trace import find_event_at
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests import letters
from tests.replica import ALIAS, ReadFromReplica, Replica, replica_read_by_routers
from tests.things import Recorder, ThingMade
from tests.tickets import issue

LONG_AGO = timezone.now() - timedelta(minutes=1)


@pytest.fixture
def replica(db: None, tmp_path: Path) -> Iterator[Replica]:
    with replica_read_by_routers(tmp_path) as replica:
        yield replica


def owner(name: str) -> Claim:
    """Own the partition in the place of the last owner, whose lease expires."""
    Lease.objects.update(expires_at=LONG_AGO)
    ownership = Ownership("readers", name)
    ownership.heartbeat()
    assert ownership.acquire(0)
    return Claim("readers", "", 0, ownership.epochs[0])


class TestWithRoutersThatReadFromAReplica:
    def test_a_late_owner_can_t_move_the_checkpoint_back(self, replica: Replica) -> None:
        late = owner("first")
        checkpoint.load(late)
        replica.catch_up()
        now = owner("second")
        checkpoint.advance(now, 50, after=0)

        with pytest.raises(LeaseLost):
            checkpoint.advance(late, 10, after=50)
        with pytest.raises(LeaseLost):
            checkpoint.hold(late)

        assert now.epoch == late.epoch + 1
        assert Checkpoint.objects.get().position == 50

    def test_a_new_owner_continues_at_the_checkpoint_as_it_is(self, replica: Replica) -> None:
        first = owner("first")
        checkpoint.load(first)
        checkpoint.advance(first, 10, after=0)
        replica.catch_up()
        checkpoint.advance(first, 50, after=10)

        assert checkpoint.load(owner("second")) == 50

    def test_events_recorded_since_are_flushed_handled_and_shown(self, replica: Replica, stream: Stream) -> None:
        letters.happen("a")
        replica.catch_up()
        letters.happen("b", "c")
        recorder = Recorder()
        run_until_idle("things", recorder)

        [partition] = status(stream, group="things")
        assert recorder.positions == [1, 2, 3]
        assert (partition.last_position, partition.groups[0].lag) == (3, 0)
        assert stream.length(0) == 3
        assert find_event_at(0, 3).subject == "c"

    @pytest.mark.usefixtures("stream")
    def test_dead_letters_are_retried_and_shown_as_they_are(self, replica: Replica, admin_client: Client) -> None:
        recorder = letters.park("a", subscriber=letters.Ordered())
        replica.catch_up()
        [letter] = DeadLetter.objects.all()
        page = admin_client.post(
            "/admin/events/deadletter/", {"action": "retry_selected", "_selected_action": [letter.pk]}
        )
        letter.refresh_from_db()
        assert (page.status_code, letter.state) == (302, "retry")
        assert DeadLetterAction.objects.get(action="retry").letter.state == "retry"

        run_until_idle("things", recorder)

        assert [action.action for action in letter.actions.all()] == ["parked", "retry", "handled"]
        assert actions.retry(DeadLetter.objects.all(), "ada").left_out == {"handled already": 1}

    @pytest.mark.usefixtures("stream")
    def test_rows_are_saved_and_deleted_where_they_are_read(self, replica: Replica) -> None:
        letter = letters.foreign()
        letter.error = "mended"
        letter.save()
        letter.actions.create(actor="ada", action="edited")
        assert DeadLetter.objects.get().error == "mended"

        letter.delete()

        assert (DeadLetter.objects.count(), DeadLetterAction.objects.count()) == (0, 1)
        assert DeadLetter.objects.using(ALIAS).count() == 0

    @pytest.mark.usefixtures("replica", "stream")
    def test_tables_are_compared_with_the_log_of_their_own_database(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        issue().check_in()
        monkeypatch.setattr(ReadFromReplica, "apps", {"events", "tickets"})

        call_command("verify_log")

        assert capsys.readouterr().out == "1 rows compared, 0 differences, 0 repaired\n"

    @pytest.mark.usefixtures("replica")
    def test_partitions_are_created_in_the_database_of_the_events_only(self) -> None:
        Partition.objects.using(ALIAS).all().delete()

        create_partitions(using=ALIAS)

        assert Partition.objects.using(ALIAS).count() == 0
        assert Partition.objects.count() == 1

    @pytest.mark.usefixtures("replica")
    def test_such_routers_are_no_error(self) -> None:
        assert found_by_checks() == []


def found_by_checks() -> list[CheckMessage]:
    return [message for message in run_checks(tags=[TAG], databases=[]) if str(message.id).startswith("events.")]


class Forbidding:
    def allow_migrate(self, _alias: str, app_label: str, **_: Any) -> bool | None:
        return False if app_label == "events" else None


class ForbiddingTheLog:
    def allow_migrate(self, _alias: str, _app: str, model_name: str = "", **_: Any) -> bool | None:
        return False if model_name == "logentry" else None


class SendingElsewhere:
    apps: ClassVar[Sequence[str]] = ["events"]

    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return "other" if model._meta.app_label in self.apps else None


class SendingTicketsElsewhere(SendingElsewhere):
    apps = ["tickets"]


@pytest.mark.parametrize(
    ("router", "identifier", "words"),
    [
        (Forbidding, "events.E041", "a router forbids creating the events' tables in 'default'"),
        (ForbiddingTheLog, "events.E041", "a router forbids creating the events' tables in 'default'"),
        (SendingElsewhere, "events.E042", "a router sends writes of the events' tables to 'other'"),
        (SendingTicketsElsewhere, "events.E016", "its rows are in 'other', but EVENTS_DATABASE is 'default'"),
    ],
)
def test_routers_that_do_not_fit_are_refused_at_start_up(
    router: type, identifier: str, words: str, settings: Settings
) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.{router.__name__}"]

    [message] = found_by_checks()

    assert message.id == identifier
    assert words in message.msg
    assert message.hint


def test_an_unknown_database_is_refused_at_start_up(settings: Settings) -> None:
    settings.EVENTS_DATABASE = "elsewhere"
    settings.EVENTS_AGGREGATES = {}

    [message] = found_by_checks()

    assert (message.id, message.msg) == ("events.E040", "EVENTS_DATABASE is 'elsewhere', which DATABASES lacks")


@pytest.mark.django_db
def test_no_partitions_are_created_where_a_router_forbids_the_tables(settings: Settings) -> None:
    Partition.objects.all().delete()
    settings.DATABASE_ROUTERS = [f"{__name__}.{Forbidding.__name__}"]

    create_partitions(using="default")

    assert not Partition.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_another_database_is_named(replica: Replica) -> None:
    with transaction.atomic(using=ALIAS), pytest.raises(NotInTransaction) as refused:
        record(ThingMade(name="a"))

    assert "the open transaction is in ['replica'], and the events' tables are in 'default'" in str(refused.value)


@pytest.mark.django_db(transaction=True)
def test_a_unit_of_work_is_a_transaction_of_the_events_database(settings: Settings, tmp_path: Path) -> None:
    with replica_read_by_routers(tmp_path):
        settings.EVENTS_DATABASE = ALIAS
        with unit_of_work():
            record(ThingMade(name="a"))
            assert not connection.in_atomic_block

        assert LogEntry.objects.using(ALIAS).count() == 1
        assert LogEntry.objects.using("default").count() == 0
