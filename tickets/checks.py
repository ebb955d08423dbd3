"""What is checked when a process starts; the access system itself may be down then."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from tickets.webhooks.signing import signers


@register
def check_access_system_url(**_: Any) -> Sequence[CheckMessage]:
    if not settings.ACCESS_SYSTEM_URL:
        return []  # The group `access` alone needs it, and says so.
    # It loads an HTTP client, and every process loads this module.
    from tickets.webhooks.configuration import configured_url  # noqa: PLC0415

    try:
        configured_url()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="tickets.E001")]
    return []


@register
def check_access_system_secrets(**_: Any) -> Sequence[CheckMessage]:
    if not (settings.ACCESS_SYSTEM_URL or settings.ACCESS_SYSTEM_SECRETS):
        return []
    try:
        signers(settings.ACCESS_SYSTEM_SECRETS)
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Give the receiver the same one.", id="tickets.E002")]
    return []
