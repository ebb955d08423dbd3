"""Test what is refused at start-up."""

from typing import Any

import pytest
from pytest_django import Settings

from tickets import checks
from tickets.printing.fonts import SANS


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"TICKETS_QR_KEYS": ["a" * 32, "b" * 50], "TICKETS_FONTS": [str(SANS)]}, []),
        ({"TICKETS_QR_KEYS": ["a" * 32, "short"]}, ["tickets.E004"]),
        ({"TICKETS_FONTS": ["/nowhere.ttf", str(SANS)]}, ["tickets.E005"]),
        ({"TICKETS_FONTS": [__file__, str(SANS.parent)]}, ["tickets.E005", "tickets.E005"]),
    ],
)
def test_keys_and_fonts_that_can_t_be_used_are_named(
    settings: Settings, values: dict[str, Any], expected: list[str]
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)

    found = [*checks.check_qr_keys(), *checks.check_fonts()]

    assert [error.id for error in found] == expected
    assert "short" not in str(found)
