"""An event as the log and the stream store it: its JSON with the attributes of CloudEvents 1.0."""

from datetime import datetime
from uuid import UUID

import msgspec

from events.event import Event, aggregate_type_of, decode

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SCHEMA_PREFIX = "urn:event:"
MAC = "mac"
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
        MAC,
    }
)
"""The fields of an entry that are defined here; any other is an extension."""


def dataschema(name: str, version: int) -> str:
    """Return the URI of the schema of an event's data, as CloudEvents require."""
    return f"{SCHEMA_PREFIX}{name}:{version}"


NAMES = {
    "aggregate_version": "aggregateversion",
    "correlation_id": "correlationid",
    "causation_id": "causationid",
    # No field of an entry has such a name: CloudEvents allow only letters and digits.
    "schema_version": "_schema_version",
    "position": "_position",
    "extensions": "_extensions",
}
"""The names of the attributes in an entry."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, rename=NAMES):
    """One event with its metadata; `position` is its place in the partition, None until a flush has given it one."""

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
    """The project's own attributes; see events/recording/metadata.py."""
    position: int | None = None

    @property
    def aggregate_type(self) -> str:
        return aggregate_type_of(self.type)

    def open(self) -> Event:
        """Return the typed event; raise UnknownEventType, UnknownEventVersion or Unprocessable."""
        return decode(self.type, self.schema_version, self.data)

    def to_fields(self) -> dict[str, str]:
        """Return the flat entry of the stream: `id` first, optional attributes only if they are set."""
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
        if self.causation_id:
            fields["causationid"] = self.causation_id
        if self.actor:
            fields["actor"] = self.actor
        if self.traceparent:
            fields["traceparent"] = self.traceparent
        return fields | self.extensions if self.extensions else fields

    @classmethod
    def from_fields(cls, fields: dict[str, str], position: int) -> "Envelope":
        """Read an entry of the stream; raise KeyError or ValueError for one that is not ours."""
        schema_version = fields["dataschema"].rpartition(":")[2]
        found: dict[str, object] = fields | {"_schema_version": schema_version, "_position": position}
        if not ATTRIBUTES.issuperset(fields):
            found["_extensions"] = {name: fields[name] for name in fields.keys() - ATTRIBUTES}
        return msgspec.convert(found, cls, strict=False)  # strict=False: an entry's numbers are text.
