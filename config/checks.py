"""Check the environment variables, and the settings of the web server, at start-up."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection

from config import tracing
from config.web.requests.addresses import trusted_proxies
from events.checks import SETTINGS_TAG, TAG

HOST = re.compile(r"\.?[a-z0-9_.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)


@register(TAG, SETTINGS_TAG)
def check_variables(**_: Any) -> Sequence[CheckMessage]:
    return [Error(f"{name}: {reason}", id="config.E001") for name, reason in settings.WRONG_VARIABLES.items()]


@register(SETTINGS_TAG)
def check_trusted_proxies(**_: Any) -> Sequence[CheckMessage]:
    try:
        trusted_proxies()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="config.E002")]
    return []


@register(SETTINGS_TAG)
def check_hosts(**_: Any) -> Sequence[CheckMessage]:
    return [
        Error(
            f"ALLOWED_HOSTS: {host!r} is no name of a host; write names or addresses: tickets.example.org,[::1]",
            id="config.E003",
        )
        for host in settings.ALLOWED_HOSTS
        if not HOST.fullmatch(host)
    ]


@register(SETTINGS_TAG)
def check_tracing(**_: Any) -> Sequence[CheckMessage]:
    return [Error(tracing.MISSING, id="config.E004")] if tracing.is_wanted() and not tracing.is_installed() else []


@register(Tags.database)
def check_sessions(*, databases: Collection[str] | None, **_: Any) -> Sequence[CheckMessage]:
    """Warn if the web server alone can take more sessions than PostgreSQL gives."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or connection.vendor != "postgresql":
        return []
    wanted = settings.WEB_WORKERS * settings.DATABASE_POOL_SIZE
    try:
        given = _given_sessions()
    except OperationalError:  # The command says so itself.
        return []
    if wanted <= given:
        return []
    hint = (
        "Lower DATABASE_POOL_SIZE or GRANIAN_WORKERS, or raise max_connections; docs/reference/settings.md counts them."
    )
    found = (
        f"GRANIAN_WORKERS is {settings.WEB_WORKERS} and DATABASE_POOL_SIZE {settings.DATABASE_POOL_SIZE}, so the web "
        f"server takes up to {wanted} sessions, but PostgreSQL gives {given}"
    )
    return [Warning(found, hint=hint, id="config.W001")]


def _given_sessions() -> int:
    """Return how many sessions users other than administrators may have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings "
            "WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
        return int(cursor.fetchone()[0])
