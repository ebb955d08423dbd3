"""Share a group's partitions among its living processes: one owner each, by leases in the database, by its clock."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import cycle
from threading import Event, Lock, Thread
from typing import NamedTuple
from uuid import uuid4

from django.db import Error, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from events.groups import checkpoint
from events.log.partitions import partition_count
from events.models import ConsumerGroup, Lease, Member
from events.processes.shutdown import Shutdown
from events.processes.throttled_log import ThrottledLog

logger = logging.getLogger(__name__)

LEASE_SECONDS = 3.0
HEARTBEAT_SECONDS = 1.0
CONSUMING, STANDING_BY, PAUSED, RETRYING = "consuming", "standing by", "paused", "retrying"


class Condition(NamedTuple):
    """What a member does, for the status; if it is retrying, also why, and when the next attempt is."""

    state: str
    error: str = ""
    retry_at: datetime | None = None


class Ownership:
    """What one process of a group may handle.

    `beat` renews all that it has, and tells what it should have: each partition belongs to one of the living members,
    in turn. Whoever is stopped for longer than its lease loses it; the epoch tells those who come too late.
    """

    def __init__(self, group: str, name: str) -> None:
        self.group = group
        self.name = name
        self.member = f"{name}-{uuid4().hex[:8]}"
        self.assigned: frozenset[int] = frozenset()
        """The partitions that this process should own."""
        self.epochs: dict[int, int] = {}
        """The partitions that it owns, with the epoch of each."""
        self.is_paused = False
        self.must_stop = False
        self.condition = Condition(STANDING_BY)
        self._held: dict[int, int] = {}
        self._started_at: datetime | None = None
        self._lock = Lock()
        self._had_heartbeat = Event()
        self._has_left = False
        self._heartbeat_at = -HEARTBEAT_SECONDS

    def owns(self, partition: int) -> bool:
        """Tell whether the last beat found the partition to be this process's still."""
        return partition in self.epochs and self._held.get(partition) == self.epochs[partition]

    def wait_for_heartbeat(self, shutdown: Shutdown, seconds: float) -> None:
        """Return after the next beat, or after so many seconds."""
        self._had_heartbeat.clear()
        with shutdown.interruptible():
            self._had_heartbeat.wait(seconds)

    def heartbeat_if_due(self) -> None:
        """Beat unless that was done within the second, by the thread of `beating` for example."""
        if time.monotonic() - self._heartbeat_at >= HEARTBEAT_SECONDS:
            self.heartbeat()

    def heartbeat(self, *, joins: bool = True) -> None:
        """Renew the leases, and look who else lives and what is asked of the group; from any thread.

        Whoever has left joins the group again, unless told not to.
        """
        with self._lock:
            if self._has_left and not joins:
                return
            self._has_left = False
            self._announce()
            mine = Lease.objects.filter(group=self.group, member=self.member)
            mine.update(expires_at=_in_seconds(LEASE_SECONDS))
            self._held = dict(mine.values_list("partition", "epoch"))
            self._look_around()
            self._heartbeat_at = time.monotonic()
        self._had_heartbeat.set()

    def acquire(self, partition: int) -> bool:
        """Become the partition's owner, unless another one's lease lasts; no older owner moves its checkpoints then."""
        with transaction.atomic():
            free = Q(member="") | Q(expires_at__lt=Now()) | Q(member=self.member)
            lease = Lease.objects.filter(group=self.group, partition=partition)
            found = {"member": self.member, "epoch": F("epoch") + 1, "expires_at": _in_seconds(LEASE_SECONDS)}
            if not lease.filter(free).update(**found):
                self.epochs.pop(partition, None)
                return False
            epoch = lease.values_list("epoch", flat=True).get()
            checkpoint.fence(self.group, partition, epoch)
        self.epochs[partition] = self._held[partition] = epoch
        return True

    def release(self, partition: int) -> None:
        """Let another process own the partition at once."""
        epoch = self.epochs.pop(partition)
        Lease.objects.filter(group=self.group, partition=partition, member=self.member, epoch=epoch).update(member="")

    def leave(self) -> None:
        """Release all, and be no member any more."""
        with self._lock:  # A beat of the thread beside it that began before must not bring it back.
            for partition in list(self.epochs):
                self.release(partition)
            Member.objects.filter(id=self.member).delete()
            self._has_left = True

    def _announce(self) -> None:
        said = {**self.condition._asdict(), "alive_until": _in_seconds(LEASE_SECONDS)}
        if not Member.objects.filter(id=self.member).update(**said):
            self._join(said)

    def _join(self, said: dict[str, object]) -> None:
        ConsumerGroup.objects.get_or_create(name=self.group)
        leases = [Lease(group=self.group, partition=partition) for partition in range(partition_count())]
        Lease.objects.bulk_create(leases, ignore_conflicts=True)
        Member.objects.filter(group=self.group, alive_until__lt=Now()).delete()
        Member.objects.create(id=self.member, group=self.group, started_at=Now(), **said)
        self._started_at = Member.objects.values_list("started_at", flat=True).get(id=self.member)

    def _look_around(self) -> None:
        living = Member.objects.filter(group=self.group, alive_until__gte=Now()).order_by("id")
        members = list(living.values_list("id", flat=True))
        self.assigned = frozenset(
            partition for partition, member in zip(range(partition_count()), cycle(members)) if member == self.member
        )
        group = ConsumerGroup.objects.get(name=self.group)
        self.is_paused = group.paused
        asked = group.stop_requested_at
        self.must_stop = bool(asked and self._started_at and asked > self._started_at)


@contextmanager
def heartbeat_thread(ownership: Ownership) -> Iterator[None]:
    """Beat each second in a thread of its own, however long a handler takes; stop with the block."""
    ended = Event()
    thread = Thread(target=_send_heartbeats, args=(ownership, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _send_heartbeats(ownership: Ownership, ended: Event) -> None:
    throttled_log = ThrottledLog(logger)
    while not ended.wait(HEARTBEAT_SECONDS):
        try:
            ownership.heartbeat(joins=False)
            throttled_log.recovered()
        except Error as error:
            throttled_log.error(f"{ownership.group} can't renew its leases: {error}")
            connections.close_all()
    connections.close_all()


def _in_seconds(seconds: float) -> Now:
    return Now() + timedelta(seconds=seconds)  # type: ignore[return-value]  # what the database will make of it
