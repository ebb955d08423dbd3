"""Share a group's partitions among its living processes: each has one owner, by a lease in the database."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import NamedTuple
from uuid import uuid4

from django.db import Error, connections
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from events.database import atomic
from events.event import registered_types
from events.groups import checkpoint
from events.groups.assignment import Candidate, Health, assign
from events.groups.members import is_seen
from events.log.partitions import look_for_partitions, partition_count
from events.measuring.catalogue import BEAT_SECONDS, LEASES, LEASES_ACQUIRED
from events.models import ConsumerGroup, Lease, Member
from events.processes.shutdown import Shutdown
from events.processes.throttled_log import ThrottledLog
from events.texts.storable import storable

logger = logging.getLogger(__name__)

LEASE_SECONDS = 3.0
HEARTBEAT_SECONDS = 1.0
LATE_SECONDS = 1.5
"""The thread that handles events sends a heartbeat that is so late; usually the thread of heartbeats does."""
LONGEST_NAME = 140
"""A longer name is cut in the status, where it gets a unique suffix."""
OPENING, CONSUMING, STANDING_BY, PAUSED, RETRYING = "opening", "consuming", "standing by", "paused", "retrying"


class Condition(NamedTuple):
    """A member's state for the status; if it is retrying, also the reason and the time of the next attempt.

    A member that is consuming has a reason while it reads the log because Redis is away.
    """

    state: str
    error: str = ""
    retry_at: datetime | None = None


class Ownership:
    """The partitions that one process of a group owns.

    A heartbeat renews its leases and tells which partitions it should own: the members that are well share them in
    turn. A process that is stopped for longer than a lease lasts loses it; its older epoch makes its late writes fail.
    """

    def __init__(self, group: str, name: str) -> None:
        self.group = group
        self.name = storable(name)
        self.member = f"{self.name[:LONGEST_NAME]}-{uuid4().hex[:8]}"
        self.assigned: frozenset[int] = frozenset()
        """The partitions that this process should own."""
        self.epochs: dict[int, int] = {}
        """The partitions that it owns, with the epoch of each."""
        self.is_paused = False
        self.must_stop = False
        self.condition = Condition(OPENING)
        self.health = Health()
        self.silent_seconds = 0.0
        """How long the handler has made no progress."""
        self._held: dict[int, int] = {}
        self._measured = 0
        self._leases = 0
        """For how many partitions the group has leases, as far as this process knows."""
        self._started_at: datetime | None = None
        self._lock = Lock()
        self._had_heartbeat = Event()
        self._has_left = False
        self._heartbeat_at = -LATE_SECONDS

    def owns(self, partition: int) -> bool:
        """Tell whether this process still owned the partition at the last heartbeat."""
        return partition in self.epochs and self._held.get(partition) == self.epochs[partition]

    def wait_for_heartbeat(self, shutdown: Shutdown, seconds: float) -> None:
        """Return after the next heartbeat, or after so many seconds."""
        self._had_heartbeat.clear()
        with shutdown.interruptible():
            self._had_heartbeat.wait(seconds)

    def join(self) -> None:
        """Take part in the group's work: the subscriber is open."""
        self.health.open()
        self.heartbeat()

    def heartbeat_if_due(self) -> None:
        """Send a heartbeat if the heartbeat thread is late with it, for example since the process was stopped."""
        if self._is_late():
            with self._lock:
                if self._is_late():  # Else the other thread has sent it meanwhile.
                    self._beat()

    def _is_late(self) -> bool:
        return time.monotonic() - self._heartbeat_at >= LATE_SECONDS

    def heartbeat(self, *, joins: bool = True) -> None:
        """Renew the leases, and read the group's members and what is asked of it; callable from any thread.

        A process that has left joins the group again, unless `joins` is false.
        """
        with self._lock:
            if joins or not self._has_left:
                self._beat()

    def _beat(self) -> None:
        self._has_left = False
        with BEAT_SECONDS.timed(self.group):
            look_for_partitions()
            self._announce()
            self._create_leases()
            self._renew()
            self._read_group()
        self._measure(len(self._held))
        self._heartbeat_at = time.monotonic()
        self._had_heartbeat.set()

    def acquire(self, partition: int) -> bool:
        """Become the owner unless another's lease is valid, and fence off older owners; tell whether it worked."""
        with atomic():
            free = Q(member="") | Q(expires_at__lt=Now()) | Q(member=self.member)
            lease = Lease.objects.filter(group=self.group, partition=partition)
            found = {"member": self.member, "epoch": F("epoch") + 1, "expires_at": _in_seconds(LEASE_SECONDS)}
            if not lease.filter(free).update(**found):
                self.epochs.pop(partition, None)
                self._leases = 0  # Perhaps there is none: the database was restored. The next heartbeat creates it.
                return False
            epoch = lease.values_list("epoch", flat=True).get()
            checkpoint.fence(self.group, partition, epoch)
        self.epochs[partition] = self._held[partition] = epoch
        LEASES_ACQUIRED.add(1, self.group)
        return True

    def release(self, partition: int) -> None:
        """Release the lease, so that another process can own the partition at once."""
        mine = Lease.objects.filter(group=self.group, partition=partition, member=self.member)
        mine.filter(epoch=self.epochs[partition]).update(member="")
        # Last: a lease that could not be released is still renewed, so it must be tried again.
        del self.epochs[partition]

    def leave(self) -> None:
        """Release all leases and leave the group."""
        with self._lock:  # A heartbeat of the other thread must not bring the member back.
            for partition in list(self.epochs):
                self.release(partition)
            Member.objects.filter(id=self.member).delete()
            self._has_left = True
            self._measure(0)

    def _measure(self, leases: int) -> None:
        LEASES.change(leases - self._measured, self.group)
        self._measured = leases

    def _announce(self) -> None:
        is_well = self.health.is_well(time.monotonic())
        said = {
            **self.condition._asdict(),
            "silent_seconds": self.silent_seconds,
            "partitions": partition_count(),
            "seen_until": _in_seconds(LEASE_SECONDS),
            # Earlier releases assign partitions to every member that is alive.
            "alive_until": _in_seconds(LEASE_SECONDS if is_well else -LEASE_SECONDS),
        }
        if not Member.objects.filter(id=self.member).update(**said):
            self._enter(said)

    def _enter(self, said: dict[str, object]) -> None:
        ConsumerGroup.objects.get_or_create(name=self.group)
        self._leases = 0
        self._create_leases()
        Member.objects.filter(~is_seen(), group=self.group).delete()
        # A process that was silent and was deleted keeps its start: a stop that was asked for meanwhile reaches it.
        Member.objects.create(
            id=self.member,
            group=self.group,
            started_at=self._started_at or Now(),
            known_events=known_events(),
            **said,
        )
        # Another process deletes this one at once if the database's clock has jumped; then the next heartbeat enters.
        started = Member.objects.filter(id=self.member).values_list("started_at", flat=True).first()
        self._started_at = started or self._started_at

    def _create_leases(self) -> None:
        """Create the leases of the group that there are none of yet: the log may have been repartitioned."""
        if self._leases < partition_count():
            leases = [Lease(group=self.group, partition=partition) for partition in range(partition_count())]
            Lease.objects.bulk_create(leases, ignore_conflicts=True)
        self._leases = partition_count()

    def _renew(self) -> None:
        mine = Lease.objects.filter(group=self.group, member=self.member)
        # One that fails may hang while it is opened again, and then can't release what others should own.
        is_failing = self.health.is_failing(time.monotonic())
        # Not all of mine: one of which this process does not know, because a commit's reply was lost, has to expire.
        known = set(self.epochs)
        kept = known & self.assigned if is_failing else known
        mine.filter(partition__in=kept).update(expires_at=_in_seconds(LEASE_SECONDS))
        self._held = dict(mine.values_list("partition", "epoch"))

    def _read_group(self) -> None:
        is_well = ExpressionWrapper(Q(alive_until__gte=Now()), output_field=BooleanField())
        seen = Member.objects.filter(is_seen(), group=self.group).annotate(is_well=is_well).order_by("id")
        owners = assign([Candidate(*row) for row in seen.values_list("id", "is_well")], partition_count())
        self.assigned = frozenset(partition for partition, member in owners.items() if member == self.member)
        # A database that was restored within this heartbeat may not have the group yet; the next one creates it.
        group = ConsumerGroup.objects.filter(name=self.group).first() or ConsumerGroup()
        self.is_paused = group.paused
        asked = group.stop_requested_at
        self.must_stop = bool(asked and self._started_at and asked > self._started_at)


def known_events() -> str:
    """Return the events that this process can read, for `check_release` of the next release."""
    return " ".join(sorted(f"{known.name}:{known.version}" for known in registered_types()))


def take_from_owner(group: str, partition: int) -> None:
    """Leave the partition without an owner: what is still in flight moves no checkpoint after the transaction."""
    Lease.objects.bulk_create([Lease(group=group, partition=partition)], ignore_conflicts=True)
    lease = Lease.objects.filter(group=group, partition=partition)
    lease.update(member="", epoch=F("epoch") + 1)
    checkpoint.fence(group, partition, lease.values_list("epoch", flat=True).get())


@contextmanager
def heartbeat_thread(ownership: Ownership, look: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Send heartbeats each second from a thread during the block, however long a handler takes; `look` before each."""
    ended = Event()
    thread = Thread(target=_send_heartbeats, args=(ownership, look, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _send_heartbeats(ownership: Ownership, look: Callable[[], None], ended: Event) -> None:
    throttled_log = ThrottledLog(logger)
    while not ended.wait(HEARTBEAT_SECONDS):
        look()
        try:
            ownership.heartbeat(joins=False)
            throttled_log.recovered()
        except Error as error:
            throttled_log.error(f"{ownership.group} can't renew its leases: {error}")
            connections.close_all()
    connections.close_all()


def _in_seconds(seconds: float) -> Now:
    return Now() + timedelta(seconds=seconds)  # type: ignore[return-value]  # Django evaluates it in the database
