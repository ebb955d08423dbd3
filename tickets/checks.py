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
BEGINNINGS_OF_FONTS = {b"\x00\x01\x00\x00", b"true", b"OTTO"}
"""A collection (ttcf) has several fonts, and none of them can be named."""


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
    hint = "Name font files, TrueType or OpenType, separated by commas."
    faults = {font: _fault_of(Path(font)) for font in settings.TICKETS_FONTS}
    return [
        Error(f"TICKETS_FONTS: {font} {fault}", hint=hint, id="tickets.E005") for font, fault in faults.items() if fault
    ]


def _fault_of(font: Path) -> str:
    """Return why the file is no font, by its first bytes; to read it would take longer than all other checks."""
    try:
        with font.open("rb") as file:
            return "" if file.read(4) in BEGINNINGS_OF_FONTS else "is no font file"
    except OSError as error:
        return f"can't be read: {error.strerror}"
