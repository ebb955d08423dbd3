"""Times as the admin's pages of events show them."""

from datetime import UTC, datetime

from django.utils import timezone, translation

from events.texts.times import in_words

INSTANT = datetime(2026, 11, 29, 12, 46, 37, tzinfo=UTC)


def test_a_time_has_its_seconds_and_the_name_of_its_zone() -> None:
    assert in_words(INSTANT) == "Nov. 29, 2026, 12:46:37 UTC"
    with translation.override("de"), timezone.override("Europe/Berlin"):
        assert in_words(INSTANT) == "29. November 2026, 13:46:37 CET"
