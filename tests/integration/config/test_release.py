"""check_release on the live servers, and the tables that the running code survives."""

import json
from contextlib import closing
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from config.release.migrations import objections
from events.groups.ownership import Ownership
from events.models import Member
from events.relay import signing_keys
from readmodel.index.document_index import connect
from readmodel.projection import projections
from tests.checks import OF_EVENT_CLASSES
from tests.documented_json import assert_documented
from tests.tickets import issue
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static_files_are_collected(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    monkeypatch.setattr("config.release.files.get_finders", list)


@pytest.fixture(autouse=True)
def _events_of_other_tests_are_no_faults(settings: Settings) -> None:
    settings.SILENCED_SYSTEM_CHECKS = OF_EVENT_CLASSES


def run(*words: str) -> tuple[int, str]:
    """Return the exit code and the output."""
    output = StringIO()
    try:
        call_command("check_release", *words, stdout=output, no_color=True)
    except SystemExit as ended:
        return int(str(ended.code)), output.getvalue()
    return 0, output.getvalue()


@pytest.mark.usefixtures("elasticsearch")
def test_between_equal_releases_there_is_nothing_to_do() -> None:
    for projection in projections():
        with closing(connect(projection)) as index:
            index.indices.ensure()

    assert run() == (0, "nothing to do: the new code may start\n")


@pytest.mark.usefixtures("elasticsearch")
def test_all_that_is_to_be_done_is_said_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    projection = projections()[0]
    with closing(connect(projection)) as index:
        searched = index.indices.ensure()
    monkeypatch.setattr(projection, "revision", projection.revision + 1)
    Ownership("readmodel", "one").join()
    Member.objects.update(known_events="")

    code, said = run("--json")

    assert code == 3
    found = json.loads(said)
    assert_documented("check_release", found[0])
    assert [(step["about"], step["when"], step["running_processes_survive"]) for step in found] == [
        ("events", "first", True),
        ("projection", "afterwards", True),
    ]
    assert found[1]["found"].startswith(f"{searched.name} was made by version {searched.version} of tickets, not ")
    assert found[1]["do"] == "run manage.py rebuild_readmodel tickets"


@pytest.mark.usefixtures("elasticsearch")
def test_migrations_are_named_and_what_depends_on_them_is_left_for_afterwards() -> None:
    MigrationRecorder(connection).record_unapplied("events", "0016_lists_of_waiting_rows")

    code, said = run()

    assert code == 3
    assert said.splitlines() == [
        "FIRST      migration: events.0016_lists_of_waiting_rows: the old code reads the lists by the same function, "
        "which finds each row in its new list. Run manage.py migrate.",
        "FIRST      running processes: what they know is in tables that the database does not have yet. "
        "Run manage.py check_release again after the migrations.",
    ]


@pytest.mark.usefixtures("elasticsearch")
def test_what_the_running_processes_may_not_survive_has_an_exit_code_of_its_own(settings: Settings) -> None:
    signing_keys.register()
    settings.EVENTS_STREAM_KEYS = ["n" * 40]

    code, said = run()

    assert code == 4
    assert "signing key" in said
    assert "The running processes may not survive it." in said


def test_without_an_answer_of_elasticsearch_nobody_knows(settings: Settings) -> None:
    settings.ELASTICSEARCH_URL = "http://127.0.0.1:1"

    with pytest.raises(CommandError, match="Elasticsearch"):
        run()


NEXT_RELEASE = [
    (migrations.AddField("ticket", "gate", models.CharField(max_length=9, null=True)), True),
    (migrations.AddField("ticket", "gate", models.CharField(max_length=9, default="", db_default="")), True),
    (migrations.AddField("ticket", "gate", models.CharField(max_length=9, default="")), False),
    (migrations.AlterField("ticket", "seat", models.CharField(max_length=99)), True),
    (migrations.AlterField("ticket", "seat", models.CharField(max_length=3)), False),
    (migrations.RemoveField("ticket", "seat"), False),
    (migrations.RenameField("ticket", "seat", "place"), False),
    (migrations.RemoveConstraint("ticket", "tickets_ticket_price"), True),
    (migrations.RemoveIndex("ticket", "tickets_ticket_venue"), True),
    (
        migrations.AddConstraint(
            "ticket", models.CheckConstraint(condition=models.Q(seat=""), name="tickets_ticket_without_seat")
        ),
        False,
    ),
]
"""Operations of a later release, and whether the code of this one goes on with the changed table."""


@pytest.mark.parametrize(("operation", "is_survived"), NEXT_RELEASE)
def test_this_release_survives_the_tables_of_the_next_one_as_foretold(
    operation: Operation, *, is_survived: bool
) -> None:
    before = MigrationLoader(connection).project_state()
    after = before.clone()
    operation.state_forwards("tickets", after)
    with connection.schema_editor() as editor:
        operation.database_forwards("tickets", editor, before, after)

    assert sells_and_cancels() is is_survived
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})("0099_next", "tickets")
    assert (list(objections(migration, before, deployed=before)) == []) is is_survived


def sells_and_cancels() -> bool:
    """Tell whether the running code can do its work: issue, read and cancel a ticket."""
    try:
        with transaction.atomic():
            issue(price=Decimal(1)).cancel()
            return [ticket.seat for ticket in Ticket.objects.all()] == ["Row 3, Seat 14"] * 2
    except DatabaseError:
        return False
