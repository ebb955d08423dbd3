"""Turn the URL of the database into Django's settings; no message has a part of the password."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import environ

from config.environment.values import switch

POSTGRESQL = ("postgresql", "postgres")
SQLITE = "sqlite"
FORM = "postgresql://user:password@host:port/name or sqlite:////path/of/the/file"
# No part may contain a character that begins another part, so no piece of a password is ever taken for a host.
HOST = r"(?:\[[^\]@/?#\s]*\]|[^:,\[\]@/?#\s]*)(?::\d{1,5})?"
SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z+]+)://(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    rf"(?P<hosts>{HOST}(?:,{HOST})*)/(?P<name>[^/?#\s]+)(?:\?(?P<query>[^#\s]*))?"
)
BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
CURSORS = "DISABLE_SERVER_SIDE_CURSORS"
FIXED = ("conn_max_age", "conn_health_checks", "atomic_requests", "autocommit")
WHOLE = ("connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle", "keepalives_interval")
NUMBER = re.compile(r"\d{1,9}", re.ASCII)
HIGHEST_PORT = 65_535

# A host that vanishes sends no reset: a statement in flight would wait for it for hours. The URL can name other values.
VANISHED_HOST = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # Milliseconds.
}


def database(url: str, *, pool: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return Django's settings for the database: PostgreSQL, or SQLite, with its single writer, for one machine.

    Raise ValueError.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == SQLITE:
        return _sqlite(url)
    if scheme in POSTGRESQL:
        return _postgresql(url, pool)
    raise ValueError(f"the scheme must be {', '.join(POSTGRESQL)} or {SQLITE}: write {FORM}")


def _sqlite(url: str) -> dict[str, Any]:
    if not re.fullmatch(r"sqlite://(?::memory:|/[^?#]+)?", url):
        raise ValueError("this is not the URL of an SQLite file: write sqlite:////path/of/the/file, without options")
    # IMMEDIATE: select_for_update does not lock on SQLite, and a transaction that reads first can't write.
    options = {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000",
    }
    return {**_parsed(url), "OPTIONS": options}


def _postgresql(url: str, pool: Mapping[str, Any] | None) -> dict[str, Any]:
    match = SHAPE.fullmatch(url)
    if not match:
        raise ValueError(
            f"this is not the URL of a database: write {FORM}, and percent-encode : @ / ? # % and white space in "
            "names and passwords"
        )
    _refuse_bad_escapes(match)
    _refuse_bad_ports(match["hosts"])
    options = _options(match["query"] or "")
    config = _parsed(url) | {"ENGINE": "config.postgresql"}
    for name in {name for name in options if name.upper() == CURSORS}:
        config[CURSORS] = switch(options.pop(name))  # PgBouncer needs it.
    # An ASGI server runs each request in its own thread, so only a pool keeps connections between requests.
    config["OPTIONS"] = {**VANISHED_HOST, **_libpq(options), **({"pool": dict(pool)} if pool else {})}
    return config


def _parsed(url: str) -> dict[str, Any]:
    config: dict[str, Any] = environ.Env.db_url_config(url.partition("?")[0])
    return {**config, "ATOMIC_REQUESTS": True, "CONN_HEALTH_CHECKS": True}


def _refuse_bad_escapes(match: re.Match[str]) -> None:
    for part, text in match.groupdict(default="").items():
        if BAD_ESCAPE.search(text):
            raise ValueError(f"a % must be followed by two hexadecimal digits, or be written as %25 (in the {part})")
        try:
            decoded = unquote(text, errors="strict")
        except UnicodeDecodeError:
            raise ValueError(f"percent-encoded characters must be UTF-8 (in the {part})") from None
        if "\0" in decoded:
            raise ValueError(f"a zero byte is not allowed (in the {part})")


def _refuse_bad_ports(hosts: str) -> None:
    for port in re.findall(r":(\d+)(?:,|$)", hosts):
        if not 0 < int(port) <= HIGHEST_PORT:
            raise ValueError(f"{port} is not a port")


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("an option is given twice")
    if fixed := [name for name in options if name.lower() in FIXED]:
        raise ValueError(f"the option {fixed[0]} is not possible, since sessions are pooled; see DATABASE_POOL_SIZE")
    if texts := [name for name in WHOLE if name in options and not NUMBER.fullmatch(options[name])]:
        raise ValueError(f"the option {texts[0]} must be a whole number")
    return options


def _libpq(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of libpq; raise ValueError for others."""
    from psycopg import ProgrammingError  # noqa: PLC0415 (it is loaded only where there is such a database)
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    try:
        make_conninfo(**options)
    except ProgrammingError:
        raise ValueError("an option is none of libpq's, such as sslmode, sslrootcert or connect_timeout") from None
    return {name: int(value) if NUMBER.fullmatch(value) else value for name, value in options.items()}
