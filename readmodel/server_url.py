"""Parse ELASTICSEARCH_URL, by the rules of Elasticsearch's client, which would take a second to load.

In:   the setting.
Out:  the nodes and options that the client is opened with.
"""

import base64
import re
import ssl
from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import unquote, urlsplit

import msgspec
from django.core.exceptions import ImproperlyConfigured

from events.texts.numbers import whole_number

FORM = "http[s]://[user:password@]host[:port][,host[:port]...][/prefix][?option=value&...]"
# No part may contain a character that begins another part, so no piece of a password is ever taken for a host.
HOST = r"(?:\[[^\]@/?#\s]*\]|[^:,\[\]@/?#\s]+)(?::\d{1,5})?"
SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    rf"(?P<hosts>{HOST}(?:,{HOST})*)(?P<path>/[^@?#\s]*)?(?:\?(?P<query>[^@#\s]*))?"
)
MALFORMED = (
    "percent-encode @ / ? # % and white space in names and passwords, write scheme, user and password once, before the "
    "first host, leave no host empty, and write a port in digits"
)
TLS_OPTIONS = ("ca_certs", "client_cert", "client_key", "verify_certs", "ssl_assert_hostname", "ssl_assert_fingerprint")
NUMBERS = {"connections_per_node": whole_number}
SECRETS = ("api_key", "bearer_auth")
FINGERPRINT = re.compile("(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})", re.IGNORECASE)
HTTPS_PORT = 443

type Text = Annotated[str, msgspec.Meta(min_length=1)]
type Token = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+$")]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The options after the question mark, named as the client's parameters."""

    api_key: Token | None = None
    """Encoded, as the server shows it, or as `id:key`."""
    bearer_auth: Token | None = None
    ca_certs: Text | None = None
    """The file of the authorities' certificates."""
    client_cert: Text | None = None
    client_key: Text | None = None
    verify_certs: bool | None = None
    ssl_assert_hostname: Text | None = None
    """The name in the server's certificate, if that is not the host's."""
    ssl_assert_fingerprint: Text | None = None
    ssl_show_warn: bool | None = None
    http_compress: bool | None = None
    connections_per_node: Annotated[int, msgspec.Meta(gt=0, le=1_000)] | None = None
    opaque_id: Token | None = None


class ServerURL(msgspec.Struct, frozen=True):
    """The address of the servers. `str()` and `repr()` hide its secrets."""

    shown: str
    nodes: tuple[str, ...]
    options: Options
    basic_auth: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse the URL; raise ImproperlyConfigured, whose message hides the secrets."""
        match = SHAPE.fullmatch(url)
        shown = _without_secrets(match) if match else "***"
        try:
            if not match:
                raise ValueError(MALFORMED)  # noqa: TRY301 (the message is composed below)
            return cls(shown, *_read(match))
        except ValueError as error:
            message = f"ELASTICSEARCH_URL {shown} is not the URL of a server: {error}; it must read {FORM}"
            raise ImproperlyConfigured(message) from None

    def check_files(self) -> None:
        """Load the certificates as a connection would; raise ImproperlyConfigured if that fails."""
        options = self.options
        try:
            if options.ca_certs:
                ssl.create_default_context(cafile=options.ca_certs)
            if options.client_cert:
                ssl.create_default_context().load_cert_chain(options.client_cert, options.client_key)
        except (OSError, ssl.SSLError) as error:
            names = "ca_certs, client_cert or client_key"
            raise ImproperlyConfigured(f"ELASTICSEARCH_URL {self.shown}: {names} can't be loaded: {error}") from None

    def client_options(self) -> Mapping[str, Any]:
        """Return the parameters of the client that opens connections to these nodes."""
        given = {name: value for name, value in msgspec.structs.asdict(self.options).items() if value is not None}
        if ":" in given.get("api_key", ""):
            given["api_key"] = tuple(given["api_key"].split(":", 1))
        return {"hosts": list(self.nodes), **given, **({"basic_auth": self.basic_auth} if self.basic_auth else {})}

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"ServerURL({self.shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("shown", self.shown)]


def _without_secrets(match: re.Match[str]) -> str:
    scheme, user, password, hosts, path, query = match.groups()
    account = "" if user is None else "***@" if password is None else f"{user}:***@"
    pairs = [pair.partition("=") for pair in (query or "").split("&") if pair]
    # The value of a name that is not an option may be a secret whose name is misspelt.
    public = set(Options.__struct_fields__) - set(SECRETS)
    shown = [f"{name}={value if name in public else '***'}" for name, _, value in pairs]
    return f"{scheme}://{account}{hosts}{path or ''}" + (f"?{'&'.join(shown)}" if shown else "")


def _read(match: re.Match[str]) -> tuple[tuple[str, ...], Options, str | None]:
    """Return nodes, options and account; raise ValueError, whose message contains no part of a secret."""
    scheme = match["scheme"].lower()
    if scheme not in {"http", "https"}:
        raise ValueError(f"the scheme is {scheme!r}, not http or https")
    options = _read_options(match["query"] or "")
    _check_options(options, is_encrypted=scheme == "https", has_account=match["user"] is not None)
    path = (match["path"] or "").rstrip("/")
    nodes = tuple(f"{scheme}://{_read_host(host, scheme)}{path}" for host in match["hosts"].split(","))
    if match["user"] is None:
        return nodes, options, None
    return nodes, options, _read_account(unquote(match["user"]), unquote(match["password"] or ""))


def _read_options(query: str) -> Options:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    given = {name: unquote(value) for name, _, value in pairs}
    if len(given) < len(pairs):
        raise ValueError("an option is given twice")
    if unknown := sorted(given.keys() - set(Options.__struct_fields__)):
        raise ValueError(f"{unknown[0][:50]!r} is not an option; options are {', '.join(Options.__struct_fields__)}")
    options: dict[str, Options] = {}
    for name, value in given.items():
        try:
            NUMBERS.get(name, str)(value)
            options[name] = getattr(msgspec.convert({name: value}, Options, strict=False), name)
        except msgspec.ValidationError as error:
            reason = "it must be of printable ASCII characters" if name in SECRETS else str(error).partition(" - at")[0]
            raise ValueError(f"{name} does not fit: {reason}") from None
        except ValueError as error:
            raise ValueError(f"{name} does not fit: {error}") from None
    return Options(**options)  # type: ignore[arg-type]


def _check_options(options: Options, *, is_encrypted: bool, has_account: bool) -> None:
    if sum([has_account, options.api_key is not None, options.bearer_auth is not None]) > 1:
        raise ValueError("user and password, api_key and bearer_auth exclude one another")
    given = [name for name in TLS_OPTIONS if getattr(options, name) is not None]
    if given and not is_encrypted:
        raise ValueError(f"{given[0]} needs https")
    if options.client_key and not options.client_cert:
        raise ValueError("client_key needs client_cert")
    fingerprint = options.ssl_assert_fingerprint
    if fingerprint and options.ssl_assert_hostname:
        raise ValueError("ssl_assert_hostname and ssl_assert_fingerprint exclude one another")
    if fingerprint and not FINGERPRINT.fullmatch(fingerprint.replace(":", "")):
        raise ValueError("ssl_assert_fingerprint must have 32, 40 or 64 hexadecimal digits")


def _read_account(user: str, password: str) -> str:
    """Return the value of the header; the client itself takes ASCII only."""
    if not user or ":" in user:
        raise ValueError("the user must have a name, without a colon")
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _read_host(text: str, scheme: str) -> str:
    """Return the host with its port; the client knows the port of https alone."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = unquote(parts.hostname or ""), parts.port
        host.encode("idna")  # The look-up does this too, and does not expect an error.
    except ValueError:
        raise ValueError(f"{text} is not a host") from None
    if port is None and scheme == "http":
        raise ValueError(f"{text} has no port, such as :9200")
    if not host or port == 0:
        raise ValueError(f"{text} is not a host")
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{HTTPS_PORT if port is None else port}"
