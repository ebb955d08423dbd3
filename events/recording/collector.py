"""Hold the metadata that the events of one unit of work share, and flush the events together after the commit.

In:   record(*events), from model methods.
Out:  rows in the log, inside the caller's transaction; after its commit, one flush.
Next: events/recording/outbox.py
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import local
from weakref import ReferenceType, ref

from django.utils import timezone
from uuid_utils import uuid4
from uuid_utils.compat import uuid7

from events import database, payload, tracing
from events.conf import conf
from events.correlation import correlated
from events.envelope import Envelope
from events.event import Event, type_of
from events.exceptions import EventTooLarge, NotInTransaction
from events.measuring.catalogue import RECORDED
from events.recording.metadata import collect_extensions
from events.recording.recorded import RecordedIds, UnflushedEvents


class Collector:
    """One unit of work: a request, a command, or a `with unit_of_work()` block."""

    def __init__(
        self,
        *,
        correlation_id: str = "",
        causation_id: str = "",
        actor: Callable[[], str] = str,
        traceparent: str = "",
    ) -> None:
        self.correlation_id = correlation_id or str(uuid4())
        self.causation_id = causation_id
        self.actor = actor
        self.traceparent = traceparent
        self.unflushed = UnflushedEvents()
        self.recorded = RecordedIds()

    def envelop(self, event: Event, extensions: dict[str, str] | None = None) -> Envelope:
        """Put the event's JSON into its envelope; raise TypeError, EventRefused or EventTooLarge."""
        event_type = type_of(type(event))
        data = payload.encode(event)
        if len(data) > conf.max_event_bytes:
            raise EventTooLarge(
                f"{event_type.name} of {event.subject} has {len(data):,} bytes; {EventTooLarge.__doc__}"
            )
        return Envelope(
            id=uuid7(),
            type=event_type.name,
            schema_version=event_type.version,
            source=conf.source,
            subject=event.subject,
            aggregate_version=event.aggregate_version,
            time=timezone.now(),
            data=data.decode(),
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            actor=self.actor(),
            traceparent=tracing.current_traceparent() or self.traceparent,
            extensions=extensions,
        )

    def remember(self, envelope: Envelope) -> Envelope:
        """Remember the event for the next flush and for the consistency token; return its envelope."""
        self.recorded.add(envelope.id)
        self.unflushed.add(envelope)
        RECORDED.add(1, envelope.type)
        return envelope

    def flush_after_commit(self) -> None:
        """Flush, unless the unit of work still runs: then its end flushes."""
        if _current.get() is not self:
            self.flush()

    def close(self) -> None:
        """Flush at the end of the unit of work, however it ended; inside a transaction, the commit flushes instead.

        The callback of an earlier commit may not have run: Django skips the callbacks after one that fails.
        """
        if database.connection().in_atomic_block:
            self._join_enclosing()
        else:
            self.flush()

    def _join_enclosing(self) -> None:
        """Share the events with the enclosing unit, or with the thread's other units: one flush after the commit."""
        shared = (_current.get() or _thread_collector).unflushed
        if self.unflushed and shared is not self.unflushed:
            shared.absorb(self.unflushed)
            self.unflushed = shared

    def flush(self) -> None:
        """Flush committed events as far as that is fast; the relay does the rest. Never raise because of Redis."""
        from events.relay.flush import flush_committed  # noqa: PLC0415 (as in record)

        if not (database.connection().in_atomic_block or _commits_by_itself()):
            return  # Transactions are managed by hand: perhaps nobody commits the positions that a flush gives.
        unflushed, self.unflushed = self.unflushed, UnflushedEvents()
        partitions, envelopes = unflushed.take()
        if partitions:
            flush_committed(partitions, envelopes)


def _commits_by_itself() -> bool:
    """Tell whether a statement outside of a transaction commits, also in a thread that is not connected yet."""
    connection = database.connection()
    is_connected = connection.connection is not None
    return bool(connection.autocommit if is_connected else connection.settings_dict["AUTOCOMMIT"])


class _ThreadCollector(local):
    """The collector for a thread's transactions outside of any unit of work, kept until it is flushed."""

    collector: Collector | None = None
    _shared: ReferenceType[UnflushedEvents] | None = None

    @property
    def unflushed(self) -> UnflushedEvents:
        """Events of units that ended within such a transaction; its callbacks hold them, so a rollback drops them."""
        shared = self._shared() if self._shared else None
        if shared is None:
            shared = UnflushedEvents()
            self._shared = ref(shared)
        return shared

    def get(self) -> Collector:
        if self.collector is None or not self.collector.unflushed:
            self.collector = Collector()
        return self.collector


_current: ContextVar[Collector | None] = ContextVar("collector", default=None)
_thread_collector = _ThreadCollector()


def record(*events: Event) -> None:
    """Store the events in the log with the change that they report, one statement per 1,000, and flush on commit.

    The caller has locked the aggregate's row or updated its version. Raise NotInTransaction, EventRefused (a field
    is not of its type, or can't be stored), EventTooLarge, VersionTaken (another transaction changed the aggregate
    first), MetadataRefused (EVENTS_METADATA is wrong), or TypeError for a class that is not registered.
    """
    from events.recording.outbox import store  # noqa: PLC0415 (its models load after this package)

    if not database.connection().in_atomic_block:
        raise NotInTransaction(_why_not_in_transaction())
    collector = _current.get() or _thread_collector.get()
    extensions = collect_extensions()
    with tracing.span("store", parent="" if tracing.current_traceparent() else collector.traceparent) as span:
        span.set(messaging__batch__message_count=len(events), request_id=collector.correlation_id)
        partitions = store(collector.remember(collector.envelop(event, extensions)) for event in events)
    collector.unflushed.partitions |= partitions
    collector.recorded.partitions |= partitions
    database.on_commit(collector.flush_after_commit)


def _why_not_in_transaction() -> str:
    if elsewhere := database.transactions_elsewhere():
        found = f"the open transaction is in {elsewhere}, and the events' tables are in {database.alias()!r}"
        return f"{NotInTransaction.__doc__} ({found})"
    return str(NotInTransaction.__doc__)


@contextmanager
def collecting(collector: Collector) -> Iterator[Collector]:
    """Make the collector the current one during the block; the caller closes it afterwards, also after an exception.

    Lines of the log have its correlation id meanwhile.
    """
    token = _current.set(collector)
    try:
        with correlated([collector.correlation_id]):
            yield collector
    finally:
        _current.reset(token)


@contextmanager
def caused_by(envelope: Envelope) -> Iterator[Collector]:
    """Mark all events that are recorded in the block as caused by this one, and flush them at its end.

    They get its correlation id and trace, and its id as their causation id, but not its actor.
    """
    collector = Collector(
        correlation_id=envelope.correlation_id, causation_id=str(envelope.id), traceparent=envelope.traceparent
    )
    try:
        with collecting(collector):
            yield collector
    finally:
        collector.close()


@contextmanager
def unit_of_work() -> Iterator[Collector]:
    """Open a collector and a transaction; inside another unit of work or a request, use that one's collector."""
    joined = _current.get()
    collector = joined or Collector()
    try:
        with collecting(collector), database.atomic():
            yield collector
    finally:
        if not joined:
            collector.close()
