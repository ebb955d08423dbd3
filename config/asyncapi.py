"""Describe the channels by which others get the events, and all messages on them, as an AsyncAPI 3 document.

The stream, the feed as server-sent events, and the webhooks to the access system: docs/asyncapi.json is what
`manage.py export_asyncapi` makes of it, for generators of clients and of documentation.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from django.apps import apps
from django.conf import settings

from events.envelope import CONTENT_TYPE, MAC, SPEC_VERSION, dataschema
from events.event import EventType, registered_types
from events.stream.dsn import StreamDSN

type Object = dict[str, Any]
Channel = Literal["stream", "feed", "webhooks"]

TEXT: Object = {"type": "string"}
NUMBER: Object = {"type": "integer"}
UUID: Object = {"type": "string", "format": "uuid"}
TIME: Object = {"type": "string", "format": "date-time"}
ATTRIBUTES: Object = {
    "id": {**UUID, "description": "The event's id, a UUIDv7, the same everywhere."},
    "specversion": {"const": SPEC_VERSION},
    "source": {**TEXT, "format": "uri-reference"},
    "type": TEXT,
    "subject": {**TEXT, "description": "The id of the aggregate that has changed, here the ticket's."},
    "time": {**TIME, "description": "When the event was recorded."},
    "dataschema": {**TEXT, "description": "`urn:event:`, the type and the version of its schema."},
    "datacontenttype": {"const": CONTENT_TYPE},
    "correlationid": {**TEXT, "description": "The id of the request."},
    "causationid": {**UUID, "description": "The id of the event that led to this one; absent without one."},
    "actor": {**TEXT, "description": "The user's name; absent without one."},
    "traceparent": {**TEXT, "description": "The W3C trace context of the request; absent without one."},
}
OPTIONAL = ("causationid", "actor", "traceparent")
VERSION = "The aggregate's version after the change, from 1. Keep the highest of each subject."
WEBHOOKS = {
    "ticket.canceled": ("The ticket is void.", {"newTicketId": {"anyOf": [UUID, {"type": "null"}]}}),
    "ticket.reinstated": ("The ticket is valid again.", {}),
}


def document() -> Object:
    """Return the document of the events of all installed apps."""
    types = [kind for kind in registered_types() if apps.get_containing_app_config(kind.event_class.__module__)]
    _, data = msgspec.json.schema_components(
        [kind.event_class for kind in types], ref_template="#/components/schemas/{name}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the tickets",
            "version": "1.0.0",
            "description": "What happens to tickets, as CloudEvents 1.0 with the aggregate's version.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": _servers(),
        "channels": _channels([kind.name for kind in types]),
        "operations": _operations(),
        "components": {
            "messages": {**_events("stream", types), **_events("feed", types), **_webhooks()},
            "schemas": {**data, "Entry": _entry(), "FeedEvent": _feed_event()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _servers() -> Object:
    return {
        "redis": {"host": "redis.example.org:6379", "protocol": "rediss", "description": "Redis or Valkey."},
        "service": {
            "host": "tickets.example.org",
            "protocol": "https",
            "description": "The service. The token's user needs `events.view_logentry`.",
            "security": [{"$ref": "#/components/securitySchemes/token"}],
        },
        "receiver": {"host": "gate.example.org", "protocol": "https", "description": "The receiver of the webhooks."},
    }


def _channels(names: Iterable[str]) -> Object:
    names = list(names)
    stream = StreamDSN.parse(settings.EVENTS_STREAM_URL).stream
    return {
        "stream": {
            "address": stream,
            "title": "The stream",
            "description": f"A Redis stream, whose entries have the ids `<position>-0`, without gaps. With several "
            f"partitions there are as many streams, `{stream}:<partition>`.",
            "servers": [{"$ref": "#/servers/redis"}],
            "messages": _references("stream", names),
        },
        "feed": {
            "address": "/api/events/stream",
            "title": "The feed",
            "description": "Server-sent events without end; each message is the `data` of one. The parameter `after`, "
            "or the header `Last-Event-ID`, is the `id` to continue after. `GET /api/events/` has the same in pages.",
            "servers": [{"$ref": "#/servers/service"}],
            "messages": _references("feed", names),
            "bindings": {"http": {}},
        },
        "webhooks": {
            "address": None,
            "title": "The webhooks",
            "description": "A POST to the receiver's address, signed according to Standard Webhooks.",
            "servers": [{"$ref": "#/servers/receiver"}],
            "messages": _references("webhooks", WEBHOOKS),
        },
    }


def _references(channel: Channel, names: Iterable[str]) -> Object:
    return {name: {"$ref": f"#/components/messages/{channel}.{name}"} for name in names}


def _operations() -> Object:
    titles = {"stream": "appendToStream", "feed": "sendToReaders", "webhooks": "postToReceiver"}
    return {
        title: {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}} for channel, title in titles.items()
    }


def _events(channel: Channel, types: Iterable[EventType]) -> Object:
    return {f"{channel}.{kind.name}": _event(channel, kind) for kind in types}


def _event(channel: Channel, kind: EventType) -> Object:
    data: Object = {"$ref": f"#/components/schemas/{kind.event_class.__name__}"}
    if channel == "stream":
        data = {**TEXT, "contentMediaType": CONTENT_TYPE, "contentSchema": data}
    own = {"type": {"const": kind.name}, "dataschema": {"const": dataschema(kind.name, kind.version)}, "data": data}
    base = "Entry" if channel == "stream" else "FeedEvent"
    return {
        "name": kind.name,
        "title": kind.name,
        "summary": (kind.event_class.__doc__ or "").strip().splitlines()[0],
        "payload": {"allOf": [{"$ref": f"#/components/schemas/{base}"}, {"properties": own}]},
    }


def _entry() -> Object:
    """Return the schema of an entry's fields, all of which are text."""
    version = {**TEXT, "pattern": "^[1-9][0-9]*$", "description": VERSION}
    mac = {**TEXT, "description": "Proves to this service that the entry is its own."}
    return _attributes(data=TEXT, aggregateversion=version, **{MAC: mac})


def _feed_event() -> Object:
    place = {"partition": NUMBER, "position": {**NUMBER, "description": "The place in the partition, without gaps."}}
    return _attributes(data={"type": "object"}, aggregateversion={**NUMBER, "description": VERSION}, **place)


def _attributes(**others: Object) -> Object:
    properties = {**ATTRIBUTES, **others}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in OPTIONAL],
        "additionalProperties": {**TEXT, "description": "An extension of the project."},
    }


def _webhooks() -> Object:
    return {f"webhooks.{name}": _webhook(name, doc, more) for name, (doc, more) in WEBHOOKS.items()}


def _webhook(name: str, doc: str, more: Object) -> Object:
    data = {"ticketId": UUID, **more, "version": NUMBER, "eventId": UUID, "occurredAt": TIME}
    fields = {"type": {"const": name}, "timestamp": TIME, "data": _required(data)}
    headers = {"webhook-id": UUID, "webhook-timestamp": TEXT, "webhook-signature": TEXT}
    return {"name": name, "title": name, "summary": doc, "headers": _required(headers), "payload": _required(fields)}


def _required(properties: Object) -> Object:
    return {"type": "object", "properties": properties, "required": [*properties]}
