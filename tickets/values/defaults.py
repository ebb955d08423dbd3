"""Read the defaults of tickets from the settings."""

from django.conf import settings


def default_time_zone() -> str:
    """Return the time zone of venues for which none is given, and of tickets from before there were zones."""
    return str(getattr(settings, "TICKETS_TIME_ZONE", "UTC"))
