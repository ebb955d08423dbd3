import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events.checks.settings import check_aggregates


@pytest.mark.parametrize(
    ("path", "identifier"),
    [
        ("tickets.aggregate.TicketAggregate", None),
        ("tickets.aggregate.Missing", "events.E012"),
        ("tickets.models.Ticket", "events.E013"),
        ("tickets.models.ticket.MOST_DECIMALS", "events.E013"),
    ],
)
def test_a_declared_aggregate_is_checked_at_start_up(path: str, identifier: str | None, settings: Settings) -> None:
    settings.EVENTS_AGGREGATES = {"ticket": path}

    assert [error.id for error in check_aggregates()] == ([identifier] if identifier else [])


def test_verify_log_without_aggregates_reports_the_missing_setting(settings: Settings) -> None:
    settings.EVENTS_AGGREGATES = {}

    with pytest.raises(CommandError, match="EVENTS_AGGREGATES is empty"):
        call_command("verify_log")
