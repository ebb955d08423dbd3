"""The options of the stream's URL, which follow its question mark."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from events.texts.numbers import decimal_number, whole_number

# Options of Symfony's transport that are configured elsewhere here, or do not exist.
REFUSED = {
    "host": "write it after //",
    "port": "write it after the host",
    "auth": "write user and password before the host",
    "redis_sentinel": "use sentinel_master",
    "redis_cluster": "write redis+cluster:// and some of the cluster's nodes",
    "stream_max_entries": "use the setting EVENTS_STREAM_MAX_LENGTH",
    "delete_after_ack": "an entry is for all groups, and stays until it leaves the stream's window",
    "delete_after_reject": "an entry is for all groups, and stays until it leaves the stream's window",
    "lazy": "connections are always opened when first needed",
    "persistent_id": "connections are always kept",
    "serializer": "events are always JSON",
    "redeliver_timeout": "a process that takes over continues at the group's checkpoint",
    "claim_interval": "a process that takes over continues at the group's checkpoint",
    "retry_interval": "the relay and the consumers choose their own pauses",
}
ONLY_WITH = {"ssl[": "rediss", "sentinel_": "+sentinel", "stream": "unix", "group": "unix", "consumer": "unix"}
NUMBERS = {"dbindex": whole_number, "timeout": decimal_number, "read_timeout": decimal_number}
MUST_BE = re.compile(r"Expected `(?P<kind>\w+)`(?P<bound>[^,]*)(, got `str`)? - at `\$\.(?P<name>.*)`")

type Seconds = Annotated[float, msgspec.Meta(gt=0, le=5)]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options, named as in Symfony's transport if it has the same ones."""

    stream: str = "events"
    group: str = ""
    consumer: str = ""
    """`group` and `consumer` are defaults for `consume_events`."""
    auto_setup: bool = True
    """Whether a missing consumer group is created; if false, it is an error."""
    dbindex: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    timeout: Seconds = 5.0
    """How long to wait for a connection."""
    read_timeout: Seconds = 5.0
    """How long to wait for an answer."""
    verify_peer: bool = msgspec.field(name="ssl[verify_peer]", default=True)
    verify_peer_name: bool = msgspec.field(name="ssl[verify_peer_name]", default=True)
    """Whether the server's certificate must come from a known authority, and be for the host's name."""
    cafile: str = msgspec.field(name="ssl[cafile]", default="")
    """The file of the authorities' certificates; if empty, the system's are used."""
    local_cert: str = msgspec.field(name="ssl[local_cert]", default="")
    local_pk: str = msgspec.field(name="ssl[local_pk]", default="")
    """The client's certificate, and its key if that is in a separate file."""
    passphrase: str = msgspec.field(name="ssl[passphrase]", default="")
    sentinel_master: str = "mymaster"
    sentinel_user: str = ""
    sentinel_password: str = ""
    """The account for the sentinels; the one before the hosts is for the master."""


KNOWN = [field.encode_name for field in msgspec.structs.fields(Options)]
SECRET = {"ssl[passphrase]", "sentinel_password"}


def read_options(options: Mapping[str, str], scheme: str) -> Options:
    """Check the options; raise ValueError, whose message contains no secret."""
    for name, value in options.items():
        _expect_known(name, scheme)
        _expect_number(name, value)
    try:
        read = msgspec.convert(options, Options, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(MUST_BE.sub(r"\g<name> must be of the type \g<kind>\g<bound>", str(error))) from None
    _expect_files(read)
    return read


def show_options(query: str) -> str:
    """Show the query up to the first option that may hide a password: an unknown name, or a value with an &."""
    shown = []
    for name, _, value in (pair.partition("=") for pair in query.split("&")):
        is_shown = name in KNOWN and name not in SECRET
        shown.append(f"{name}={value if is_shown else '***'}")
        if not is_shown:
            break
    return "&".join(shown)


def _expect_known(name: str, scheme: str) -> None:
    if name in REFUSED:
        raise ValueError(f"there is no option {name}: {REFUSED[name]}")
    if name not in KNOWN:
        raise ValueError(f"an option is unknown; the known ones are {', '.join(KNOWN)}; write & in a password as %26")
    if name == "dbindex" and "+cluster" in scheme:
        raise ValueError("a cluster has no numbered databases: leave dbindex out")
    for prefix, needed in ONLY_WITH.items():
        if name.startswith(prefix) and needed not in scheme:
            raise ValueError(f"{name} is an option of {needed} only")


def _expect_number(name: str, value: str) -> None:
    try:
        NUMBERS.get(name, str)(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _expect_files(options: Options) -> None:
    for path in filter(None, (options.cafile, options.local_cert, options.local_pk)):
        if not Path(path).is_file():
            raise ValueError(f"there is no file {path}")
    if options.local_pk and not options.local_cert:
        raise ValueError("ssl[local_pk] needs ssl[local_cert], the certificate of the key")
