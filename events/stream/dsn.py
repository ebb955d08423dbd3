"""Parse the URL of the event stream."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec
from django.core.exceptions import ImproperlyConfigured

from events.stream.dsn_options import Options, read_options, show_options

REDIS = "redis://[user:password@]host[:port]/stream[/group[/consumer]][?option=value&...]"
SENTINEL = "redis+sentinel://[user:password@]host[:port][,host[:port]...]/stream[/group[/consumer]][?option=value&...]"
FORMS = {
    "redis": REDIS,
    "rediss": REDIS.replace("redis:", "rediss:"),
    "unix": "unix://[user:password@]/path/of/the/socket[?stream=name&group=name&consumer=name&option=value&...]",
    "redis+sentinel": SENTINEL,
    "rediss+sentinel": SENTINEL.replace("redis+", "rediss+"),
    "redis+cluster": SENTINEL.replace("sentinel", "cluster"),
    "rediss+cluster": SENTINEL.replace("redis+sentinel", "rediss+cluster"),
}
# No part may contain a character that begins another part, so no piece of a password is ever taken for a host.
HOST = r"(?:\[[^\]@/?#\s]*\]|[^:,\[\]@/?#\s]*)(?::\d{1,5})?"
SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z+]+)://(?:(?P<user>[^:@/?#\s]*):(?P<password>[^@/?#\s]*)@)?"
    rf"(?P<hosts>{HOST}(?:,{HOST})*)(?P<path>/[^@?#\s]*)?(?:\?(?P<query>[^@#\s]*))?"
)
MALFORMED = (
    "this is not the URL of a stream; percent-encode @ / ? # % and white space in names and passwords, write a "
    "password without a user as :password@, write user and password once, before the first host, an IPv6 address in "
    "brackets, and a port in digits"
)
OF_A_CLUSTER = "let EVENT_STREAM_URL begin with redis+cluster:// or rediss+cluster://"
"""The remedy where the server turns out to be a node of a cluster."""
BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


class Address(NamedTuple):
    host: str
    port: int


class StreamDSN(Options, frozen=True, kw_only=True):
    """The address and name of the stream. `str()` and `repr()` hide its passwords."""

    shown: str
    scheme: str
    hosts: tuple[Address, ...] = ()
    socket: str = ""
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, dsn: str) -> Self:
        """Parse the URL; raise ImproperlyConfigured, whose message hides the passwords."""
        match = SHAPE.fullmatch(dsn)
        shown = _without_passwords(match) if match else "***"
        try:
            if not match:
                raise ValueError(MALFORMED)  # noqa: TRY301 (the message is composed below)
            return cls(shown=shown, **_read(match.groupdict(default="")))
        except ValueError as error:
            form = FORMS.get(dsn.partition(":")[0].lower(), REDIS)
            raise ImproperlyConfigured(f"EVENT_STREAM_URL {shown}: {error}; it must read {form}") from None

    @property
    def is_encrypted(self) -> bool:
        return self.scheme.startswith("rediss")

    @property
    def has_sentinels(self) -> bool:
        return self.scheme.endswith("+sentinel")

    @property
    def is_cluster(self) -> bool:
        return self.scheme.endswith("+cluster")

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"StreamDSN({self.shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("shown", self.shown)]


def _without_passwords(match: re.Match[str]) -> str:
    scheme, user, password, hosts, path, query = match.groups()
    credentials = "" if password is None else f"{user}:***@"
    return f"{scheme}://{credentials}{hosts}{path or ''}" + (f"?{show_options(query)}" if query else "")


def _read(parts: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the DSN's fields; raise ValueError, whose message contains no part of a password."""
    scheme = parts["scheme"].lower()
    if scheme not in FORMS:
        raise ValueError(f"the scheme {scheme!r} is not one of {', '.join(FORMS)}")
    account = {"user": _decode(parts["user"]), "password": _decode(parts["password"])}
    options = msgspec.structs.asdict(read_options(_read_query(parts["query"]), scheme))
    if scheme == "unix":
        return {"scheme": scheme, **account, **options, "socket": _read_socket(parts)}
    hosts = _read_hosts(scheme, parts["hosts"])
    return {"scheme": scheme, **account, **options, "hosts": hosts, **_read_names(scheme, parts["path"])}


def _read_query(query: str) -> Mapping[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    options = {_decode(name): _decode(value) for name, _, value in pairs}
    if len(options) < len(pairs):
        raise ValueError("an option is given twice")
    return options


def _read_socket(parts: Mapping[str, str]) -> str:
    if parts["hosts"] or not parts["path"].strip("/"):
        raise ValueError("the path of the socket must begin with a third slash")
    return _decode(parts["path"])


def _read_names(scheme: str, path: str) -> Mapping[str, str]:
    names = [_decode(name) for name in path.strip("/").split("/")] if path.strip("/") else []
    if not all(names) or len(names) > 3:  # noqa: PLR2004 (stream, group, consumer)
        raise ValueError("the path must be /stream, /stream/group or /stream/group/consumer")
    if names and names[0].isdecimal():
        number = (
            "a cluster has no numbered databases"
            if scheme.endswith("+cluster")
            else (f"write the database's number as ?dbindex={names[0]}")
        )
        raise ValueError(f"the path must name the stream; {number}")
    return dict(zip(("stream", "group", "consumer"), names, strict=False))


def _read_hosts(scheme: str, hosts: str) -> tuple[Address, ...]:
    texts = hosts.split(",")
    if len(texts) > 1 and not ("+" in scheme and all(texts)):
        raise ValueError("only redis+sentinel:// and redis+cluster:// take several hosts, and none may be empty")
    default_port = 26379 if scheme.endswith("+sentinel") else 6379
    return tuple(_read_host(text, default_port=default_port) for text in texts)


def _read_host(text: str, *, default_port: int) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        host, port = _decode(parts.hostname or "localhost"), parts.port
        host.encode("idna")  # The look-up does this too, and does not expect an error.
    except ValueError as error:
        raise ValueError(f"{text} is not a host: {error}") from None
    if port == 0:
        raise ValueError("a port can't be 0")
    return Address(host, default_port if port is None else port)


def _decode(text: str) -> str:
    if BAD_ESCAPE.search(text):
        raise ValueError("a % must be followed by two hexadecimal digits, or be written as %25")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise ValueError("percent-encoded characters must be UTF-8") from None
    if "\0" in decoded:
        raise ValueError("no part may contain a zero byte")
    return decoded
