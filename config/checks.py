"""Check the settings of the web server at start-up."""

import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from config.environment import WEB_TAG
from config.web.requests.addresses import trusted_proxies
from events.checks import TAG

LIMITS = (
    "WEB_REQUESTS_AT_ONCE",
    "WEB_QUEUE_SECONDS",
    "WEB_BODY_BYTES",
    "WEB_BODY_SECONDS",
    "WEB_UPLOAD_BYTES",
    "WEB_BULK_BYTES",
    "WEB_UPLOAD_SECONDS",
    "WEB_BODIES_BYTES",
    "API_USER_PER_MINUTE",
    "API_ADDRESS_PER_MINUTE",
    "READMODEL_CURSORS_PER_USER",
)
HOST = re.compile(r"\.?[a-z0-9_.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)


@register(TAG, WEB_TAG)  # The relay and the consumers run the checks of TAG alone.
def check_variables(**_: Any) -> Sequence[CheckMessage]:
    return [Error(f"{name}: {reason}", id="config.E001") for name, reason in settings.WRONG_VARIABLES.items()]


@register(WEB_TAG)
def check_trusted_proxies(**_: Any) -> Sequence[CheckMessage]:
    try:
        trusted_proxies()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="config.E002")]
    return []


@register(WEB_TAG)
def check_hosts(**_: Any) -> Sequence[CheckMessage]:
    return [
        Error(
            f"ALLOWED_HOSTS: {host!r} is no name of a host; write names or addresses: tickets.example.org,[::1]",
            id="config.E003",
        )
        for host in settings.ALLOWED_HOSTS
        if not HOST.fullmatch(host)
    ]


@register(WEB_TAG)
def check_limits(**_: Any) -> Sequence[CheckMessage]:
    values = {name: getattr(settings, name) for name in LIMITS}
    return [
        Error(f"{name} is {value}, but must be more than 0", id="config.E005")
        for name, value in values.items()
        if value <= 0
    ]


@register(WEB_TAG)
def check_hsts(**_: Any) -> Sequence[CheckMessage]:
    if settings.SECURE_HSTS_SECONDS >= 0:
        return []
    return [Error(f"HSTS_SECONDS is {settings.SECURE_HSTS_SECONDS}, but must be 0 or more", id="config.E004")]
