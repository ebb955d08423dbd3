"""Check the settings of Redis, and whether the stream agrees with the log."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils import timezone

from events.conf import named
from events.exceptions import StreamUnavailable
from events.models import Partition
from events.operations.doctor.finding import NO_ANSWER, Finding
from events.operations.doctor.remedies import remedy_of_stream
from events.relay import divergence, signing_keys
from events.stream.dsn import OF_A_CLUSTER
from events.stream.interface import EXAMINED, Stream
from events.stream.signing import stream_keys

OLDEST_REDIS = (7, 0)
CLOCK_PATIENCE_SECONDS = 2
FOREIGN_END = "run relay_events, which takes it away within a minute; if it runs, its log says why it does not"
UNKNOWN = "let that server answer, or its replica take over; until then consumers read these events from the log"
RESET = "run `manage.py reset_stream`, which first shows what it will do"


def check_masters(stream: Stream) -> Iterator[Finding]:
    """In a cluster, masters may be silent while the others go on."""
    if masters := stream.servers():
        yield Finding("masters of the cluster", ", ".join(masters))
    for error in stream.unreachable().values():
        yield Finding("stream", error.found, *remedy_of_stream(error))


def check_server(stream: Stream) -> Iterator[Finding]:
    """The server answers, and knows the commands of Redis 7.0."""
    said = stream.information()
    version, examined = said["redis_version"], said.get(EXAMINED, "")
    major, minor = (int(part) for part in version.split(".")[:2])
    remedy = "upgrade it to Redis 7.0 or later, or to Valkey" * ((major, minor) < OLDEST_REDIS)
    found = f"{stream.dsn}, compatible with Redis {version}" + f", of whose masters {examined} is examined" * bool(
        examined
    )
    yield Finding("stream", found, remedy, "version-is-too-old")


def check_role(stream: Stream) -> Iterator[Finding]:
    """A replica refuses writes."""
    said = stream.information()
    if said.get("cluster_enabled") == "1" and not stream.dsn.is_cluster:
        yield Finding("Redis's role", "a node of a cluster", OF_A_CLUSTER, NO_ANSWER, blocks=True)
        return
    role = said["role"]
    is_replica = role != "master"
    remedy = f"set {named('EVENTS_STREAM_URL')} to the master" * is_replica
    yield Finding("Redis's role", role, remedy, "redis-is-a-replica", is_replica)


def check_eviction(stream: Stream) -> Iterator[Finding]:
    """An eviction policy may remove a whole stream with its groups."""
    policy = stream.information()["maxmemory_policy"]
    remedy = "run CONFIG SET maxmemory-policy noeviction" * (policy != "noeviction")
    yield Finding("maxmemory-policy", policy, remedy, "redis-evicts")


def check_memory(stream: Stream) -> Iterator[Finding]:
    """A full Redis refuses what the relay appends."""
    information = stream.information()
    used, most = (int(information.get(name, 0)) for name in ("used_memory", "maxmemory"))
    if not most:
        yield Finding("Redis's memory", f"{used:,} bytes, without a maxmemory")
        return
    is_full = used >= most
    remedy = "raise maxmemory with CONFIG SET, or remove other keys; then the relay goes on by itself"
    full = ": it is full, and refuses new entries" * is_full
    yield Finding(
        "Redis's memory", f"{used:,} bytes of maxmemory {most:,}{full}", remedy * is_full, "redis-is-full", is_full
    )


def check_persistence(stream: Stream) -> Iterator[Finding]:
    """Persistence is only reported: the relay sends again what Redis loses."""
    information = stream.information()
    if any(information.get(name, "ok") != "ok" for name in ("rdb_last_bgsave_status", "aof_last_write_status")):
        found = "the last save failed; Redis refuses writes until one succeeds"
        yield Finding(
            "Redis's persistence", found, "make room on its disk; its log has the reason", "redis-does-not-save"
        )
        return
    saved = datetime.fromtimestamp(int(information["rdb_last_save_time"]), UTC)
    snapshot = f"snapshots only, the last one (or the start) at {saved:%Y-%m-%d %H:%M:%S%z}"
    found = "append-only file" if int(information["aof_enabled"]) else snapshot
    yield Finding("Redis's persistence", f"{found}; what it loses, the relay sends again")


def check_clock(stream: Stream) -> Iterator[Finding]:
    """Ages come from comparing the clocks of several machines."""
    seconds = abs(stream.clock() - timezone.now()).total_seconds()
    remedy = "set both machines' clocks by NTP" * (seconds > CLOCK_PATIENCE_SECONDS)
    yield Finding("Redis's clock", f"{seconds:.1f} s apart from this machine's", remedy, "clocks-differ")


def check_permissions(stream: Stream) -> Iterator[Finding]:
    """The user may run all commands that are used, also the rare ones."""
    refused = stream.refused_commands()
    if refused is None:
        yield Finding("Redis's permissions", "Redis does not say what its user may do")
        return
    found = f"its user may not run these commands: {'; '.join(refused)}" if refused else "its user may run all commands"
    remedy = "allow them with ACL SETUSER, with the keys and the channel" * bool(refused)
    yield Finding("Redis's permissions", found, remedy, "redis-refuses-commands")


def check_signing_key(_stream: Stream) -> Iterator[Finding]:
    """With a key that the database does not know, entries of ours would look foreign."""
    is_unknown = not signing_keys.is_known()
    known = "the database does not know this key: foreign entries are not taken away" if is_unknown else "known"
    yield Finding(
        "signing key", f"{stream_keys()[0].id}, {known}", signing_keys.REMEDY * is_unknown, "signing-key-is-unknown"
    )


def check_stream(stream: Stream) -> Iterator[Finding]:
    """The stream is a window on the log, and up to date: the relay appends twice a second."""
    unknown: dict[str, list[str]] = {}
    for partition in Partition.objects.order_by("number"):
        try:
            yield from _check_partition(stream, partition)
        except StreamUnavailable as error:
            if not stream.dsn.is_cluster:  # The others have the same server.
                raise
            unknown.setdefault(str(error), []).append(stream.key(partition.number))
    for why, keys in unknown.items():
        yield Finding("stream's end", f"nothing is known of {', '.join(keys)}: {why}", UNKNOWN, NO_ANSWER)


def _check_partition(stream: Stream, partition: Partition) -> Iterator[Finding]:
    key = stream.key(partition.number)
    if found := divergence.look(stream, partition.number):
        yield Finding("divergence", f"{key}: {found}; it stands still", RESET, "stream-has-diverged")
        return
    yield Finding("divergence", f"{key} is a window on the log")
    yield Finding("foreign entries", f"{key}: {partition.foreign_entries:,} were found so far")
    if found := divergence.foreign_end(stream, partition.number):
        yield Finding("stream's end", f"{key}: {found}", FOREIGN_END, "foreign-entries")
        return
    behind = max(0, partition.last_position - stream.tail(partition.number).position)
    remedy = "run relay_events; if it runs, its log says why it does not go on" * bool(behind)
    yield Finding("stream's end", f"{key} is {behind:,} events behind the log", remedy, "stream-is-behind")


SERVER_CHECKS = (
    check_masters,
    check_server,
    check_eviction,
    check_persistence,
    check_clock,
    check_role,
    check_memory,
)
"""The checks that ask only Redis; the last ones may find that it refuses writes."""
STREAM_CHECKS = (check_permissions, check_signing_key, check_stream)
"""The checks that need the names of the keys too, which depend on the log's partitions."""
