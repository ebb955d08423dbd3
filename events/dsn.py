"""The address of the event stream, as one URL."""

from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec
from django.core.exceptions import ImproperlyConfigured

FORM = "redis://[user:password@]host[:port]/stream[/group[/consumer]][?dbindex=0&auto_setup=true]"
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class StreamDSN(msgspec.Struct, frozen=True, kw_only=True):
    """Where the stream is and what it is called; group and consumer are defaults for `consume_events`."""

    url: str
    """What the Redis client connects to, password included: never log it, `str()` of the DSN hides it."""
    shown: str
    stream: str
    group: str = ""
    consumer: str = ""
    auto_setup: bool = True
    """Create a missing consumer group; otherwise it is an error."""

    @classmethod
    def parse(cls, dsn: str) -> Self:
        """Read the URL; raise ImproperlyConfigured, which shows it without its password."""
        try:
            parts = urlsplit(dsn)
            port = parts.port or 6379
        except ValueError as error:
            raise ImproperlyConfigured(f"EVENT_STREAM_URL is no URL ({error}); it must read {FORM}") from None
        shown = _without_password(dsn, parts)

        def refuse(reason: str) -> ImproperlyConfigured:
            return ImproperlyConfigured(f"EVENT_STREAM_URL {shown}: {reason}; it must read {FORM}")

        if parts.scheme not in {"redis", "rediss"}:
            raise refuse(f"the scheme {parts.scheme!r} is not redis or rediss")
        names = [unquote(name) for name in parts.path.strip("/").split("/")]
        if not names[0] or len(names) > 3:  # noqa: PLR2004 (stream, group, consumer)
            raise refuse("the path must name the stream, and may name a group and a consumer")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        database = options.pop("dbindex", "0")
        auto_setup = BOOLEANS.get(options.pop("auto_setup", "true"))
        if not database.isdecimal():
            raise refuse(f"dbindex is {database!r}, not a number")
        if auto_setup is None:
            raise refuse("auto_setup must be true or false")
        if options:
            raise refuse(f"unknown option {', '.join(sorted(options))}")
        credentials, _, _ = parts.netloc.rpartition("@")
        host = f"{credentials}@" * bool(credentials) + f"{_host(parts)}:{port}"
        return cls(
            url=f"{parts.scheme}://{host}/{database}",
            shown=shown,
            stream=names[0],
            group="".join(names[1:2]),
            consumer="".join(names[2:3]),
            auto_setup=auto_setup,
        )

    def __str__(self) -> str:
        return self.shown


def _host(parts: SplitResult) -> str:
    host = parts.hostname or "localhost"
    return f"[{host}]" if ":" in host else host


def _without_password(dsn: str, parts: SplitResult) -> str:
    if parts.password is None:
        return dsn
    host = parts.netloc.rpartition("@")[2]
    return dsn.replace(parts.netloc, f"{parts.username or ''}:***@{host}", 1)
