"""The consumers that benchmarks/consumer/consume.py compares; imported after Django's setup."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
from django.conf import settings
from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.helpers import async_bulk
from redis import Redis

from benchmarks.consumer.consume import EVENTS, Variant
from benchmarks.servers import empty_log
from events import record, unit_of_work
from events.consumer.consumer import Consumer
from events.envelope import Envelope
from events.event import Event
from events.groups.ownership import Ownership, heartbeat_thread
from events.models import Checkpoint, Lease, Member
from events.processes.limits import Limits
from events.processes.shutdown import Shutdown
from events.relay import flush as relay
from events.stream.dsn import StreamDSN
from events.stream.interface import open_stream
from events.subscriber import EventSubscriber, Subscriber
from readmodel.index.template import SETTINGS
from readmodel.projection import VERSION_STEP
from readmodel.subscriber import IndexWriter, ReadModel
from readmodel.tickets.documents import TicketDocuments, document_of
from tickets.events import TicketIssued, TicketState

BATCH = 500
BY_HAND = "by-hand"
DSN = StreamDSN.parse(settings.EVENTS_STREAM_URL)
SOME_DAY = datetime(2027, 5, 1, 20, 0, tzinfo=UTC)

client: Any = Redis(*DSN.hosts[0], db=DSN.dbindex, username=DSN.user or None, password=DSN.password or None)
elasticsearch = Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=60)
decoder = msgspec.json.Decoder(TicketIssued)
encode = msgspec.json.Encoder().encode


type Entries = Iterable[tuple[bytes, dict[bytes, bytes]]]


class RawTicket(msgspec.Struct):
    """An event of which only the ticket's JSON is kept, unparsed."""

    ticket: msgspec.Raw


raw_decoder = msgspec.json.Decoder(RawTicket)


def fill(events: int, *, tickets: int) -> None:
    """Replace the log and the stream by this many events of this many tickets."""
    empty_log()
    client.delete(DSN.stream)
    states = [ticket(number) for number in range(tickets)]
    for start in range(0, events, BATCH):
        with unit_of_work() as unit:
            record(*(event_of(states, number) for number in range(start, start + BATCH)))
            unit.unflushed.clear()
    with closing(open_stream()) as stream:
        relay.sweep(stream, 0)


def ticket(number: int) -> TicketState:
    return TicketState(
        id=uuid4(),
        code=f"CODE{number}",
        title="A concert with a title of the usual length",
        venue="Arena",
        starts_at=SOME_DAY,
        time_zone="UTC",
        seat=f"row {number % 40}",
        holder_name="Ada Lovelace",
        holder_email="ada@example.org",
        price=Decimal("12.50"),
        currency="EUR",
        status="issued",
        replaces=None,
        version=1,
        created_at=SOME_DAY,
        updated_at=SOME_DAY,
    )


def event_of(states: Sequence[TicketState], number: int) -> TicketIssued:
    version = number // len(states) + 1
    return TicketIssued(ticket=msgspec.structs.replace(states[number % len(states)], version=version))


def without_target() -> dict[str, Variant]:
    return {
        "by hand": Variant(
            new_group, lambda: by_hand(lambda entries: [decoder.decode(e[b"data"]) for _, e in entries])
        ),
        "batches, opened": Variant(new_group, lambda: ours(Opener())),
        "one event at a time": Variant(new_group, lambda: ours(OneByOne())),
    }


def into_elasticsearch() -> dict[str, Variant]:
    return {
        "by hand": Variant(new_index, lambda: by_hand(bulk)),
        "by hand, what is searched left out": Variant(new_index, lambda: by_hand(bulk_unparsed)),
        "readmodel, tickets alone, one batch at a time": Variant(new_index, lambda: ours(OneBatch())),
        "readmodel, tickets alone": Variant(new_index, lambda: ours(TicketsAlone())),
        "readmodel, with the timeline": Variant(new_index, lambda: ours(ReadModel())),
        "FastStream, async bulk": Variant(new_index, lambda: asyncio.run(faststream())),
    }


def hot() -> dict[str, Variant]:
    return {
        "by hand": Variant(new_index, lambda: by_hand(bulk)),
        "readmodel, tickets alone": Variant(new_index, lambda: ours(TicketsAlone())),
    }


def with_and_without_refresh() -> dict[str, Variant]:
    return {
        "without refreshes": Variant(new_index, lambda: ours(WithoutRefresh())),
        "with refreshes": Variant(new_index, lambda: ours(ReadModel())),
    }


def new_group() -> None:
    """Reset all groups to the start of the stream."""
    for group in (BY_HAND, "benchmark"):
        client.xgroup_destroy(DSN.stream, group)
    client.xgroup_create(DSN.stream, BY_HAND, "0")
    for model in (Checkpoint, Lease, Member):
        model.objects.all().delete()


def new_index() -> None:
    new_group()
    for name in elasticsearch.indices.get(index=f"{settings.READMODEL_ALIAS}*,{BY_HAND}*"):
        elasticsearch.indices.delete(index=name)
    elasticsearch.indices.create(index=BY_HAND, mappings=TicketDocuments().mappings, settings={"index": SETTINGS})
    with closing(ReadModel()) as read_model:
        read_model.open()


class Opener(Subscriber):
    """Opens the events of a batch, and does nothing with them."""

    def handle(self, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            envelope.open()


class OneByOne(EventSubscriber):
    """Gets typed events one by one, and does nothing with them."""

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        pass


class TicketsAlone(ReadModel):
    """Writes the same documents as the loop by hand, without the timeline."""

    def further_targets(self) -> list[IndexWriter]:
        return []


class WithoutRefresh(ReadModel):
    """Leaves all refreshes to Elasticsearch, once a second."""

    def open(self) -> str:
        target = super().open()
        self._stop_refreshes()
        return target


class OneBatch(TicketsAlone):
    overlap = 1


def ours(subscriber: Subscriber) -> None:
    """Consume as the command does, heartbeat included."""
    ownership = Ownership("benchmark", "benchmark")
    with closing(open_stream()) as stream, heartbeat_thread(ownership):
        Consumer(subscriber, stream, ownership, shutdown=Shutdown(), limits=Limits(events=EVENTS)).run()


def by_hand(handle: Callable[[Any], object]) -> None:
    seen = 0
    while seen < EVENTS:
        answer = client.xreadgroup(BY_HAND, "one", {DSN.stream: ">"}, count=BATCH)
        [(_, entries)] = answer.items() if isinstance(answer, dict) else answer
        entries = entries[0] if isinstance(answer, dict) else entries
        handle(entries)
        client.xack(DSN.stream, BY_HAND, *(entry_id for entry_id, _ in entries))
        seen += len(entries)


def bulk(entries: Entries) -> None:
    """Write the same documents as the read model."""
    write((fields, encode(document_of(decoder.decode(fields[b"data"]).ticket))) for _, fields in entries)


def bulk_unparsed(entries: Entries) -> None:
    """Write the tickets' JSON as it is, without the texts that are searched."""
    write((fields, bytes(raw_decoder.decode(fields[b"data"]).ticket)) for _, fields in entries)


def write(documents: Iterable[tuple[dict[bytes, bytes], bytes]]) -> None:
    """Write all documents in one request, and check only whether any failed."""
    lines = []
    for fields, source in documents:
        version = int(fields[b"aggregateversion"]) * VERSION_STEP
        lines.append(b'{"index":{"_id":"%b","version":%d,"version_type":"external"}}' % (fields[b"subject"], version))
        lines.append(source)
    answer = elasticsearch.bulk(index=BY_HAND, operations=b"\n".join([*lines, b""]), filter_path="errors")
    if answer["errors"]:
        raise RuntimeError("a document was refused")


async def faststream() -> None:
    from faststream.redis import RedisBroker, StreamSub  # noqa: PLC0415 (only this one needs it)

    done = asyncio.Event()
    seen = 0
    async with AsyncElasticsearch(settings.ELASTICSEARCH_URL, request_timeout=60) as target:
        account = f"{quote(DSN.user)}:{quote(DSN.password)}@" if DSN.password else ""
        broker = RedisBroker(f"redis://{account}{DSN.hosts[0].host}:{DSN.hosts[0].port}", logger=None)
        sub = StreamSub(DSN.stream, group=BY_HAND, consumer="one", batch=True, max_records=BATCH, polling_interval=10)

        @broker.subscriber(stream=sub)
        async def handle(messages: list[dict[str, Any]]) -> None:
            nonlocal seen
            await async_bulk(target, map(action, messages), chunk_size=BATCH)
            seen += len(messages)
            if seen >= EVENTS:
                done.set()

        await broker.start()
        await asyncio.wait_for(done.wait(), 120)
        await broker.stop()


def action(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "_op_type": "index",
        "_index": BY_HAND,
        "_id": message["subject"],
        "version": int(message["aggregateversion"]) * VERSION_STEP,
        "version_type": "external",
        "_source": msgspec.to_builtins(document_of(decoder.decode(message["data"]).ticket)),
    }
