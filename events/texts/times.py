"""Write times for a person: to the second, in the project's time zone, whose name they have."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format


def in_words(instant: datetime) -> str:
    """Return a time such as `Nov. 29, 2026, 12:46:37 UTC`, in the language of the reader."""
    local = timezone.localtime(instant)
    return f"{date_format(local, 'DATE_FORMAT')}, {local:%H:%M:%S %Z}"
