"""What is checked when a process starts; Elasticsearch itself may be down then."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

# Elasticsearch takes more; what every index name derived from it can be is enough.
ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")


@register
def check_url(**_: Any) -> Sequence[CheckMessage]:
    if _is_url_of_a_server(settings.ELASTICSEARCH_URL):
        return []
    hint = "It reads http://host:9200 or https://user:password@host:9200."
    return [Error("ELASTICSEARCH_URL is no URL of a server", hint=hint, id="readmodel.E001")]


def _is_url_of_a_server(url: str) -> bool:
    """Ask the URL itself: the client would take a second to load, in every process of the service."""
    parts = urlsplit(url)
    try:
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@register
def check_alias(**_: Any) -> Sequence[CheckMessage]:
    if ALIAS.fullmatch(settings.READMODEL_ALIAS):
        return []
    hint = "Use a to z, 0 to 9, dots, hyphens and underscores, a letter or digit first."
    return [Error(f"READMODEL_ALIAS can't be {settings.READMODEL_ALIAS!r}", hint=hint, id="readmodel.E002")]


@register
def check_audit(**_: Any) -> Sequence[CheckMessage]:
    if settings.READMODEL_AUDIT_PER_SECOND >= 0:
        return []
    hint = "Set it to how many documents a process compares in a second; 0 turns the audit off."
    found = f"READMODEL_AUDIT_PER_SECOND is {settings.READMODEL_AUDIT_PER_SECOND}"
    return [Error(found, hint=hint, id="readmodel.E003")]
