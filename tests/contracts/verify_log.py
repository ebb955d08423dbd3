"""The guarantees of verify_log on any database; a test class of each tier derives from these."""

from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from events import record, unit_of_work
from events.models import LogEntry
from tests.things import ThingMade
from tests.tickets import FIELDS, issue
from tickets.models import Ticket


def found(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    """Return the differences that verify_log prints; it must fail if there are unrepaired ones."""
    capsys.readouterr()
    try:
        call_command("verify_log", "--json", *options)
        failed = False
    except CommandError:
        failed = True
    differences = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert failed == any(not difference["repaired"] for difference in differences)
    return differences


def newest_event(ticket: Ticket) -> LogEntry:
    return LogEntry.objects.filter(subject=str(ticket.id)).latest("aggregate_version")


def as_sql(ticket: Ticket) -> str:
    return ticket.id.hex if connection.vendor == "sqlite" else str(ticket.id)


def assert_corrected(ticket: Ticket, version: int) -> None:
    """The newest event has the row's state, and both have the same version."""
    row, event = Ticket.objects.get(id=ticket.id), newest_event(ticket)
    assert (event.type, event.aggregate_version, row.version) == ("ticket.corrected", version, version)
    data = msgspec.json.decode(event.data)
    assert data["ticket"] == msgspec.to_builtins(row.state())
    assert event.actor == "verify_log"


@pytest.mark.django_db(transaction=True)
class VerifyLogContract:
    @pytest.fixture(autouse=True)
    def _undamaged(self) -> None:
        """Create tickets in each state, which no test damages."""
        issue().cancel()
        issue().check_in()

    def test_an_undamaged_table_has_no_differences(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = LogEntry.objects.count()

        assert found(capsys, "--repair") == []

        assert LogEntry.objects.count() == before

    def test_an_update_without_an_event_is_corrected(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue(title="As issued")
        Ticket.objects.filter(id=ticket.id).update(title="Updated", seat="")

        expected = {
            "aggregate_type": "ticket",
            "subject": str(ticket.id),
            "kind": "the state is another",
            "log_version": 1,
            "table_version": 1,
            "fields": {"title": ["As issued", "Updated"], "seat": [ticket.seat, ""]},
            "repaired": False,
        }
        assert found(capsys) == [expected]
        assert found(capsys, "--repair") == [expected | {"repaired": True}]
        assert found(capsys) == []
        assert_corrected(ticket, version=2)

    def test_a_change_by_raw_sql_is_corrected(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE tickets_ticket SET price = 99.5 WHERE id = %s", [as_sql(ticket)])

        [difference] = found(capsys, "--repair")
        assert difference["fields"] == {"price": ["25.00", "99.50"]}
        assert found(capsys) == []
        assert_corrected(ticket, version=2)

    def test_rows_older_than_the_events_get_their_first_event(self, capsys: pytest.CaptureFixture[str]) -> None:
        tickets = [Ticket.draft(**FIELDS, code=f"OLD{number}") for number in range(3)]
        Ticket.objects.bulk_create(tickets)

        differences = found(capsys, "--repair")

        assert {difference["subject"] for difference in differences} == {str(ticket.id) for ticket in tickets}
        assert {difference["kind"] for difference in differences} == {"the log has no event"}
        assert found(capsys) == []
        for ticket in tickets:
            assert_corrected(ticket, version=2)

    def test_a_table_older_than_its_events_is_reported_and_corrected(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        [as_backed_up] = Ticket.objects.filter(id=ticket.id).values()
        ticket.check_in()
        Ticket.objects.filter(id=ticket.id).update(**as_backed_up)

        [difference] = found(capsys, "--repair")
        assert difference["kind"] == "the table has an older version"
        assert (difference["log_version"], difference["table_version"]) == (2, 1)
        assert found(capsys) == []
        assert_corrected(ticket, version=3)
        assert Ticket.objects.get(id=ticket.id).status == "issued"

    def test_a_table_newer_than_its_events_is_reported_and_corrected(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        Ticket.objects.filter(id=ticket.id).update(version=F("version") + 6)

        [difference] = found(capsys, "--repair")
        assert difference["kind"] == "the table has a newer version"
        assert found(capsys) == []
        assert_corrected(ticket, version=8)

    def test_a_deleted_row_is_reported_and_not_repaired(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM tickets_ticket WHERE id = %s", [as_sql(ticket)])

        for options in ([], ["--repair"], ["--repair"]):
            [difference] = found(capsys, *options)
            assert (difference["subject"], difference["kind"]) == (str(ticket.id), "the table has no row")
            assert (difference["log_version"], difference["table_version"]) == (1, None)
        assert newest_event(ticket).type == "ticket.issued"

    def test_an_unreadable_event_is_reported_and_corrected(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        LogEntry.objects.filter(subject=str(ticket.id)).update(data='{"ticket": 1}')

        [difference] = found(capsys, "--repair")
        assert difference["kind"] == "the newest event can't be read"
        assert found(capsys) == []
        assert_corrected(ticket, version=2)

    def test_an_event_with_an_impossible_subject_is_reported(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        LogEntry.objects.filter(subject=str(ticket.id)).update(subject="no UUID")

        kinds = {difference["subject"]: difference["kind"] for difference in found(capsys)}

        assert kinds == {str(ticket.id): "the log has no event", "no UUID": "the table has no row"}

    def test_events_of_other_types_are_left_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        with unit_of_work():
            record(ThingMade(name="no ticket"))

        assert found(capsys) == []

    def test_a_changed_foreign_key_is_corrected(self, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = issue(), issue()
        first_replacement = first.cancel()
        Ticket.objects.filter(id=first_replacement.id).update(replaces=second)

        differing = {difference["subject"]: list(difference["fields"]) for difference in found(capsys, "--repair")}

        assert differing == {
            str(first.id): ["new_ticket_id"],
            str(second.id): ["new_ticket_id"],
            str(first_replacement.id): ["replaces"],
        }
        assert found(capsys) == []
        assert msgspec.json.decode(newest_event(first).data)["newTicketId"] is None
        assert msgspec.json.decode(newest_event(second).data)["newTicketId"] == str(first_replacement.id)

    def test_many_differences_are_repaired_in_pages(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("events.operations.verify_log.ROWS_AT_ONCE", 3)
        for _ in range(7):
            issue()
        Ticket.objects.update(venue="Elsewhere")

        assert len(found(capsys, "--repair")) == Ticket.objects.count() == 10
        assert found(capsys) == []

    def test_a_corrected_ticket_can_change_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue()
        Ticket.objects.filter(id=ticket.id).update(title="Updated")
        found(capsys, "--repair")

        Ticket.objects.get(id=ticket.id).cancel()

        assert (newest_event(ticket).type, newest_event(ticket).aggregate_version) == ("ticket.canceled", 3)
        assert found(capsys) == []

    def test_differences_are_printed_in_words(self, capsys: pytest.CaptureFixture[str]) -> None:
        ticket = issue(title="As issued")
        Ticket.objects.filter(id=ticket.id).update(title="Updated")

        with pytest.raises(CommandError, match="differences that remain: 1"):
            call_command("verify_log")

        assert capsys.readouterr().out.splitlines() == [
            f"ticket {ticket.id}: the state is another (version 1 in the log, 1 in the table); "
            "title: 'As issued' in the log, 'Updated' in the table",
            "4 rows compared, 1 differences, 0 repaired",
        ]
