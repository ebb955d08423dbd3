"""Tickets of an earlier release keep their codes, also those that differ only in case or hyphens."""

import logging

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import Settings

from tests.tickets import FIELDS
from tickets.models import Ticket

BEFORE = [("tickets", "0001_initial")]
CODES = ("VIP-X1", "vip-x1", "VIPX1", "OTHER", "-")


@pytest.mark.django_db(transaction=True)
def test_codes_that_differ_only_in_their_spelling_stay_distinguishable(
    caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.TICKETS_TIME_ZONE = "Asia/Tokyo"
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()  # What depends on the tickets is taken back with them.
    executor.migrate(BEFORE)
    earlier = executor.loader.project_state(BEFORE).apps.get_model("tickets", "Ticket")
    try:
        for code in CODES:
            earlier.objects.create(**FIELDS, code=code)
        with caplog.at_level(logging.WARNING):
            MigrationExecutor(connection).migrate(latest)

        keys = {code: (key, twin) for code, key, twin in Ticket.objects.values_list("code", "code_key", "code_twin")}
        assert keys == {
            "VIP-X1": ("VIPX1", 0),
            "vip-x1": ("VIPX1", 1),
            "VIPX1": ("VIPX1", 2),
            "OTHER": ("OTHER", 0),
            "-": ("", 0),
        }
        # Tickets from before there were time zones get the setting's, and prices keep their currency's decimals.
        assert {(ticket.time_zone, str(ticket.price)) for ticket in Ticket.objects.all()} == {("Asia/Tokyo", "25.00")}
        assert {ticket.code for ticket in Ticket.objects.with_code("vip x1")} == {"VIP-X1", "vip-x1", "VIPX1"}
        assert "the codes VIP-X1, vip-x1, VIPX1 differ only in case or hyphens" in caplog.text
    finally:
        MigrationExecutor(connection).migrate(latest)
