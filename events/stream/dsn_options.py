"""The options of the stream's address: what may follow its question mark."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

# What other transports have, and this one says elsewhere or has not.
REFUSED = {
    "host": "it stands after //",
    "port": "it stands after the host",
    "auth": "user and password stand before the host",
    "redis_sentinel": "it is written sentinel_master",
    "redis_cluster": "a consumer reads all partitions by one command, which a cluster refuses",
    "stream_max_entries": "it is the setting EVENTS_STREAM_MAX_LENGTH",
    "delete_after_ack": "an entry is for all groups, and stays until it leaves the stream's window",
    "delete_after_reject": "an entry is for all groups, and stays until it leaves the stream's window",
    "lazy": "a connection is always made when it is first needed",
    "persistent_id": "connections are always kept",
    "serializer": "events are always JSON",
    "redeliver_timeout": "whoever takes over goes on at the group's checkpoint",
    "claim_interval": "whoever takes over goes on at the group's checkpoint",
    "retry_interval": "the relay and the consumers choose their pauses themselves",
}
ONLY_WITH = {"ssl[": "rediss", "sentinel_": "+sentinel", "stream": "unix", "group": "unix", "consumer": "unix"}
MUST_BE = re.compile(r"Expected `(?P<kind>\w+)`(?P<bound>[^,]*)(, got `str`)? - at `\$\.(?P<name>.*)`")

type Seconds = Annotated[float, msgspec.Meta(gt=0, le=5)]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options, under the names that Symfony's transport has where it has the same."""

    stream: str = "events"
    group: str = ""
    consumer: str = ""
    """Group and consumer are defaults for `consume_events`."""
    auto_setup: bool = True
    """Create a missing consumer group; otherwise it is an error."""
    dbindex: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout: Seconds = 5.0
    """How long to wait for a connection."""
    read_timeout: Seconds = 5.0
    """How long to wait for an answer."""
    verify_peer: bool = msgspec.field(name="ssl[verify_peer]", default=True)
    verify_peer_name: bool = msgspec.field(name="ssl[verify_peer_name]", default=True)
    """Whether the server's certificate must be of a known authority, and for the host's name."""
    cafile: str = msgspec.field(name="ssl[cafile]", default="")
    """The authorities' certificates; empty: those that the system knows."""
    local_cert: str = msgspec.field(name="ssl[local_cert]", default="")
    local_pk: str = msgspec.field(name="ssl[local_pk]", default="")
    """The client's certificate, and its key if that is in a file of its own."""
    passphrase: str = msgspec.field(name="ssl[passphrase]", default="")
    sentinel_master: str = "mymaster"
    sentinel_user: str = ""
    sentinel_password: str = ""
    """The account at the sentinels; that before the hosts is the one at the master."""


KNOWN = [field.encode_name for field in msgspec.structs.fields(Options)]
SECRET = {"ssl[passphrase]", "sentinel_password"}


def read_options(options: Mapping[str, str], scheme: str) -> Options:
    """Check the options; raise ValueError in words that tell no value of a secret one."""
    for name in options:
        _expect_known(name, scheme)
    try:
        read = msgspec.convert(options, Options, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(MUST_BE.sub(r"\g<name> must be of the type \g<kind>\g<bound>", str(error))) from None
    _expect_files(read)
    return read


def show_options(query: str) -> str:
    """Show the query up to the first option that may be a password: a misspelt name, or one with an & in it."""
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
        raise ValueError(f"an option is unknown; known are {', '.join(KNOWN)}, and & in a password is written %26")
    for prefix, needed in ONLY_WITH.items():
        if name.startswith(prefix) and needed not in scheme:
            raise ValueError(f"{name} is an option of {needed} only")


def _expect_files(options: Options) -> None:
    for path in filter(None, (options.cafile, options.local_cert, options.local_pk)):
        if not Path(path).is_file():
            raise ValueError(f"there is no file {path}")
    if options.local_pk and not options.local_cert:
        raise ValueError("ssl[local_pk] is the key of ssl[local_cert], which is missing")
