"""Build an index anew from the log, beside the one that is searched, and let it take that one's place.

The running consumers feed it as they feed every kept index. What an interrupted rebuild has begun is found again: it is
of the current version, and was never searched.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import NamedTuple

from django.db import connections
from django.db.models.functions import Now

from events.consumer.consumer import Consumer
from events.exceptions import EventError
from events.groups import checkpoint
from events.groups.ownership import HEARTBEAT_SECONDS, LEASE_SECONDS, Ownership, heartbeat_thread
from events.models import DeadLetter, Member, Partition
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.stream.interface import open_stream
from events.subscriber import load_subscriber
from readmodel.conf import GROUP
from readmodel.index.aliases import Target
from readmodel.index.document_index import DocumentIndex
from readmodel.projection import Projection
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import Kind
from readmodel.verification.verification import Verification

POLL_SECONDS = 0.1


class RebuildRefused(EventError):
    """The rebuild can't be done now."""


class Count(NamedTuple):
    """How many of the log's positions an index has settled."""

    settled: int
    of: int

    @property
    def is_all(self) -> bool:
        return self.settled >= self.of


@contextmanager
def only_one(projection: type[Projection]) -> Iterator[None]:
    """Wait for the lease of a rebuild that was killed; raise RebuildRefused if a living one renews it."""
    ownership = Ownership(f"rebuild {projection.name}", "rebuild")
    ownership.heartbeat()
    try:
        with heartbeat_thread(ownership):
            if not _acquire_in_time(ownership):
                raise RebuildRefused(
                    f"another process is rebuilding {projection.name}: start this again when that one has ended"
                )
            yield
    finally:
        ownership.leave()


def _acquire_in_time(ownership: Ownership) -> bool:
    until = time.monotonic() + LEASE_SECONDS + HEARTBEAT_SECONDS  # Nobody renews the lease of a killed process.
    while not (acquired := ownership.acquire(0)) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return acquired


@contextmanager
def fed() -> Iterator[None]:
    """Run a consumer of the group in this process while none runs elsewhere; one that was killed seems to for 3 s."""
    shutdown = Shutdown()
    thread = Thread(target=_consume_for_want_of_others, args=(shutdown,), name="consumer")
    thread.start()
    try:
        yield
    finally:
        shutdown.requested = True
        thread.join()


def _consume_for_want_of_others(shutdown: Shutdown) -> None:
    while not shutdown.requested and Member.objects.filter(group=GROUP, alive_until__gte=Now()).exists():
        time.sleep(POLL_SECONDS)
    if not shutdown.requested:
        ownership = Ownership(GROUP, "rebuild")
        with closing(open_stream()) as stream, heartbeat_thread(ownership):
            Consumer(load_subscriber(GROUP), stream, ownership, shutdown=shutdown, limits=Limits()).run()
    connections.close_all()


def find_begun(index: DocumentIndex) -> Target | None:
    """Return the index that an interrupted rebuild has left."""
    version = index.projection.version
    begun = [target for target in index.indices.kept() if target.is_new and target.version == version]
    return begun[-1] if begun else None


def begin(index: DocumentIndex) -> Target:
    index.indices.ensure()
    return index.indices.create_next()


def count(target: Target) -> Count:
    """Say how far the target is; the log may grow meanwhile."""
    reached = checkpoint.positions(GROUP, target.uuid)
    given = dict(Partition.objects.values_list("number", "last_position"))
    return Count(sum(min(reached.get(number, 0), last) for number, last in given.items()), sum(given.values()))


def is_as_current(target: Target, searched: Target) -> bool:
    """Tell whether the target has settled all that the searched index has, in every partition."""
    reached, needed = checkpoint.positions(GROUP, target.uuid), checkpoint.positions(GROUP, searched.uuid)
    return all(reached.get(number, 0) >= position for number, position in needed.items())


def prove(index: DocumentIndex, target: Target) -> Iterator[int]:
    """Compare a new index with the log, and yield how many documents were; raise RebuildRefused.

    What is parked for it was told, and is no reason.
    """
    verification = Verification(Comparison(index.documents(target)), repair=False)
    for step in verification.prove():
        wrong = [difference for difference in step.differences if difference.kind != Kind.PARKED]
        if wrong:
            raise RebuildRefused(
                f"{target.name} is not what the log tells, {wrong[0].id} is {wrong[0].kind}: not searched"
            )
        yield step.compared


def switch(index: DocumentIndex, target: Target, *, patience_seconds: float = 30.0) -> None:
    """Let the target be searched in place of the index that is, without a search that is older than the one before.

    What searches see stands still until the target has all of it; raise RebuildRefused if that takes too long.
    """
    searched = index.indices.ensure()
    index.indices.hold_refresh(searched)
    until = time.monotonic() + patience_seconds / 2
    while not is_as_current(target, searched):
        if time.monotonic() > until:
            index.indices.use_everyday_settings(searched)
            raise RebuildRefused(f"{target.name} does not catch up with {searched.name}: is a consumer running?")
        time.sleep(POLL_SECONDS)
    index.indices.choose(target)
    index.indices.use_everyday_settings(searched)


def drop(index: DocumentIndex, target: Target) -> None:
    """Delete the index, with its checkpoints and dead letters: a checkpoint that nobody moves holds compaction back."""
    index.indices.delete(target)
    checkpoint.forget(GROUP, target.uuid)
    DeadLetter.objects.filter(group=GROUP, target=target.uuid).delete()
