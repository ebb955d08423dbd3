"""Build a new index from the log beside the searched one, and move the alias to it.

The running consumers feed it like every kept index. A rebuild that was interrupted is continued: its index has the
current version and was never searched.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import NamedTuple

from django.db import connections
from django.db.models.functions import Now

from events.consumer.consumer import Consumer
from events.consumer.hangs import HangWatch
from events.dead_letters import actions as dead_letters
from events.exceptions import EventError
from events.groups import checkpoint
from events.groups.ownership import HEARTBEAT_SECONDS, LEASE_SECONDS, Ownership, heartbeat_thread
from events.models import DeadLetter, Member, Partition
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.stream.interface import open_stream
from events.subscriber import load_subscriber
from readmodel.conf import GROUP
from readmodel.index.document_index import DocumentIndex
from readmodel.index.notes import Target
from readmodel.projection import Projection
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import Kind
from readmodel.verification.verification import Verification

POLL_SECONDS = 0.1


class RebuildRefused(EventError):
    """The rebuild can't be done now."""


class Count(NamedTuple):
    """The number of the log's positions that an index has handled, of all positions."""

    handled: int
    of: int

    @property
    def is_all(self) -> bool:
        return self.handled >= self.of


@contextmanager
def only_one(projection: type[Projection]) -> Iterator[None]:
    """Hold the lease of the projection's rebuild; raise RebuildRefused if another process has it and lives.

    The lease of a killed process runs out, and is waited for.
    """
    ownership = Ownership(f"rebuild {projection.name}", "rebuild")
    ownership.heartbeat()
    try:
        with heartbeat_thread(ownership):
            if not _acquire_in_time(ownership):
                raise RebuildRefused(
                    f"another process is rebuilding {projection.name}: run this command again when that has ended"
                )
            yield
    finally:
        ownership.leave()


def _acquire_in_time(ownership: Ownership) -> bool:
    until = time.monotonic() + LEASE_SECONDS + HEARTBEAT_SECONDS  # The lease of a killed process has run out then.
    while not (acquired := ownership.acquire(0)) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return acquired


@contextmanager
def fed() -> Iterator[None]:
    """Run a consumer of the group in this process, unless one runs elsewhere.

    A consumer that was killed counts as running for 3 s.
    """
    shutdown = Shutdown()
    thread = Thread(target=_consume_unless_others_do, args=(shutdown,), name="consumer")
    thread.start()
    try:
        yield
    finally:
        shutdown.requested = True
        thread.join()


def _consume_unless_others_do(shutdown: Shutdown) -> None:
    while not shutdown.requested and Member.objects.filter(group=GROUP, alive_until__gte=Now()).exists():
        time.sleep(POLL_SECONDS)
    if not shutdown.requested:
        ownership = Ownership(GROUP, "rebuild")
        with closing(open_stream()) as stream, heartbeat_thread(ownership, HangWatch(ownership).look):
            Consumer(load_subscriber(GROUP), stream, ownership, shutdown=shutdown, limits=Limits()).run()
    connections.close_all()


def find_begun(index: DocumentIndex) -> Target | None:
    """Return the index of an interrupted rebuild, or None."""
    version = index.projection.version
    begun = [target for target in index.indices.kept() if target.is_new and target.version == version]
    return begun[-1] if begun else None


def begin(index: DocumentIndex) -> Target:
    index.indices.ensure()
    return index.indices.create_next()


def count(target: Target) -> Count:
    """Return how far the target is; the log may grow meanwhile."""
    reached = checkpoint.positions(GROUP, target.uuid)
    given = dict(Partition.objects.values_list("number", "last_position"))
    return Count(sum(min(reached.get(number, 0), last) for number, last in given.items()), sum(given.values()))


def _is_as_current(target: Target, searched: Target) -> bool:
    """Tell whether the target has handled all that the searched index has handled, in every partition."""
    reached, needed = checkpoint.positions(GROUP, target.uuid), checkpoint.positions(GROUP, searched.uuid)
    return all(reached.get(number, 0) >= position for number, position in needed.items())


def prove(index: DocumentIndex, target: Target) -> Iterator[int]:
    """Compare a new index with the log, and yield the number of documents compared at each step.

    Raise RebuildRefused at the first difference, unless the document's event is parked as a dead letter.
    """
    verification = Verification(Comparison(index.documents(target)), repair=False)
    for step in verification.prove():
        wrong = [difference for difference in step.differences if difference.kind != Kind.PARKED]
        if wrong:
            raise RebuildRefused(
                f"{target.name} differs from the log ({wrong[0].id} is {wrong[0].kind}), so the alias was not moved: "
                f"run manage.py verify_readmodel --repair --index {target.name}, and then this command again"
            )
        yield step.compared


def switch(index: DocumentIndex, target: Target, *, patience_seconds: float = 30.0) -> None:
    """Move the alias to the target, without a search that shows an older state than the search before it.

    Searches see no new documents until the target has caught up; raise RebuildRefused if that takes too long.
    """
    searched = index.indices.ensure()
    with index.indices.refresh_held(searched):
        until = time.monotonic() + patience_seconds / 2
        while not _is_as_current(target, searched):
            if time.monotonic() > until:
                raise RebuildRefused(
                    f"{target.name} does not catch up with {searched.name}: check that manage.py consume_events "
                    "readmodel is running, and run this command again"
                )
            time.sleep(POLL_SECONDS)
        index.indices.choose(target)


def drop(index: DocumentIndex, target: Target) -> None:
    """Delete the index with its checkpoints and dead letters; a checkpoint left behind would block compaction."""
    index.indices.delete(target)
    checkpoint.forget(GROUP, target.uuid)
    dead_letters.delete(DeadLetter.objects.filter(group=GROUP, target=target.uuid), actor="rebuild_readmodel")
