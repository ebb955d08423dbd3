"""An event as the log and the stream carry it: the CloudEvents 1.0 attributes around its JSON."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from events.event import Event, aggregate_type_of, decode

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SCHEMA_PREFIX = "urn:event:"
ATTRIBUTES = frozenset(
    {
        "id",
        "specversion",
        "source",
        "type",
        "subject",
        "time",
        "dataschema",
        "datacontenttype",
        "data",
        "aggregateversion",
        "correlationid",
        "causationid",
        "actor",
        "traceparent",
    }
)
"""The fields of an entry that are ours; any other is an extension."""


def dataschema(name: str, version: int) -> str:
    """Return what names the schema of an event's data, as CloudEvents ask for: a URI."""
    return f"{SCHEMA_PREFIX}{name}:{version}"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One event with its metadata; `position` is its place in the partition, None until the relay gave it one."""

    id: UUID
    type: str
    schema_version: int
    source: str
    subject: str
    aggregate_version: int
    time: datetime
    data: str
    correlation_id: str
    causation_id: str = ""
    actor: str = ""
    traceparent: str = ""
    extensions: dict[str, str] | None = None
    """Attributes of the project's own; see events/extensions.py."""
    position: int | None = None

    @property
    def aggregate_type(self) -> str:
        return aggregate_type_of(self.type)

    def open(self) -> Event:
        """Return the typed event; raise UnknownEventType, UnknownEventVersion or Unprocessable."""
        return decode(self.type, self.schema_version, self.data)

    def to_fields(self) -> dict[str, str]:
        """Return the flat entry of the stream: `id` first, optional attributes only where they say something."""
        fields = {
            "id": str(self.id),
            "specversion": SPEC_VERSION,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "dataschema": dataschema(self.type, self.schema_version),
            "datacontenttype": CONTENT_TYPE,
            "data": self.data,
            "aggregateversion": str(self.aggregate_version),
            "correlationid": self.correlation_id,
        }
        optional = {"causationid": self.causation_id, "actor": self.actor, "traceparent": self.traceparent}
        return fields | {name: value for name, value in optional.items() if value} | (self.extensions or {})

    @classmethod
    def from_fields(cls, fields: Mapping[str, str], position: int) -> "Envelope":
        """Read an entry of the stream; raise KeyError or ValueError for one that is not ours."""
        return cls(
            id=UUID(fields["id"]),
            type=fields["type"],
            schema_version=int(fields["dataschema"].rpartition(":")[2]),
            source=fields["source"],
            subject=fields["subject"],
            aggregate_version=int(fields["aggregateversion"]),
            time=datetime.fromisoformat(fields["time"]),
            data=fields["data"],
            correlation_id=fields["correlationid"],
            causation_id=fields.get("causationid", ""),
            actor=fields.get("actor", ""),
            traceparent=fields.get("traceparent", ""),
            extensions={name: fields[name] for name in fields.keys() - ATTRIBUTES} or None,
            position=position,
        )
