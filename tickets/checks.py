"""Check the settings of the tickets at start-up; the access system itself may be down."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from events.checks import SETTINGS_TAG
from tickets.values.venue_time import time_zones
from tickets.webhooks.signing import signers

SHORTEST_KEY = 32


@register(SETTINGS_TAG)
def check_access_system_url(**_: Any) -> Sequence[CheckMessage]:
    if not settings.ACCESS_SYSTEM_URL:
        return []  # Only the consumer group `access` needs it, and reports that it is missing.
    # It loads an HTTP client, and every process imports this module.
    from tickets.webhooks.configuration import configured_url  # noqa: PLC0415

    try:
        configured_url()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="tickets.E001")]
    return []


@register(SETTINGS_TAG)
def check_time_zone(**_: Any) -> Sequence[CheckMessage]:
    if settings.TICKETS_TIME_ZONE in time_zones():
        return []
    hint = "Set it to a name such as Europe/Berlin or UTC."
    return [
        Error(f"TICKETS_TIME_ZONE is {settings.TICKETS_TIME_ZONE!r}, not a time zone", hint=hint, id="tickets.E003")
    ]


@register(SETTINGS_TAG)
def check_access_system_secrets(**_: Any) -> Sequence[CheckMessage]:
    if not (settings.ACCESS_SYSTEM_URL or settings.ACCESS_SYSTEM_SECRETS):
        return []
    try:
        signers(settings.ACCESS_SYSTEM_SECRETS)
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Give the receiver the same secret.", id="tickets.E002")]
    return []


@register(SETTINGS_TAG)
def check_qr_keys(**_: Any) -> Sequence[CheckMessage]:
    if all(len(key) >= SHORTEST_KEY for key in settings.TICKETS_QR_KEYS):
        return []
    hint = "Write random characters, as in SECRET_KEY; several keys are separated by commas."
    return [Error(f"TICKETS_QR_KEYS has a key with fewer than {SHORTEST_KEY} characters", hint=hint, id="tickets.E004")]


@register(SETTINGS_TAG)
def check_fonts(**_: Any) -> Sequence[CheckMessage]:
    missing = [font for font in settings.TICKETS_FONTS if not Path(font).is_file()]
    hint = "Name font files, TrueType or OpenType, separated by commas."
    return [Error(f"TICKETS_FONTS: there is no file {font}", hint=hint, id="tickets.E005") for font in missing]
