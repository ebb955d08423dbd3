"""Convert tickets to and from JSON for the REST interface."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.timezone import is_naive
from drf_spectacular.utils import (
    OpenApiExample,
    PolymorphicProxySerializer,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from tickets.api.bodies import AddressField, TextField
from tickets.api.representation import NAMES, Representation, linked
from tickets.models import Ticket
from tickets.values.money import MOST_DECIMALS, is_plain
from tickets.values.validators import validate_currency
from tickets.values.venue_time import INCOMPLETE, at_venue, is_complete

WHOLE = Representation()
EXAMPLE_ID = "01a0c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d"
ISSUED = {
    "title": "Tosca",
    "venue": "Opera",
    "starts_at": "2027-05-01T20:00",
    "time_zone": "Europe/Berlin",
    "seat": "Row 3, Seat 14",
    "holder_name": "Ada Lovelace",
    "holder_email": "ada@example.org",
    "price": "25.00",
    "currency": "EUR",
}
SHOWN = {
    "id": EXAMPLE_ID,
    "code": "K7WQ2MXA",
    **ISSUED,
    "starts_at": "2027-05-01T20:00:00+02:00",
    "status": "issued",
    "replaces": None,
    "replacement": None,
    "version": 1,
    "created_at": "2027-03-01T09:30:00Z",
    "updated_at": "2027-03-01T09:30:00Z",
}
TYPES = {
    **serializers.ModelSerializer.serializer_field_mapping,
    models.CharField: TextField,
    models.EmailField: AddressField,
}
"""The fields of REST for those of the table."""
LINK = {"oneOf": [{"type": "string", "format": "uuid"}, {"$ref": "#/components/schemas/Ticket"}]}


class VenueTimeField(serializers.DateTimeField):
    """A time with its UTC offset; one without is left to the model, where DRF would read it as the server's."""

    def to_internal_value(self, value: Any) -> datetime:
        time: datetime = super().to_internal_value(value)
        if isinstance(value, str) and not is_complete(value):
            raise serializers.ValidationError(INCOMPLETE, code="incomplete")
        return time

    def enforce_timezone(self, value: datetime) -> datetime:
        return value if is_naive(value) else super().enforce_timezone(value)


class PriceField(serializers.DecimalField):
    """A price, written with its currency's decimals as the model has it."""

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, str) and not is_plain(data):
            self.fail("invalid")
        price: Decimal = super().to_internal_value(data)
        return price

    def quantize(self, value: Decimal) -> Decimal:
        return value


def either(name: str, *choice: Any, many: bool | None = None) -> Any:
    """Describe a body that is one of these, such as a ticket or its outline for callers who may not see the ticket."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=[*choice], resource_type_field_name=None, many=many
    )


@extend_schema_field(LINK)
class LinkField(serializers.PrimaryKeyRelatedField[Ticket]):
    """The id of another ticket, or on request that ticket."""


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z0-9-]+$", "maxLength": 20})
class CodeField(TextField):
    """The code of a ticket, by which people know it."""


@extend_schema_field({"type": "string", "pattern": "^[A-Z]{3}$"})
class CurrencyField(TextField):
    """The code of a currency."""


@extend_schema_serializer(examples=[OpenApiExample("A ticket", SHOWN, response_only=True)])
class TicketSerializer(serializers.ModelSerializer[Ticket]):
    """A ticket: a place at an event for one holder."""

    serializer_field_mapping = TYPES
    code = CodeField(read_only=True, help_text="Short, to be read out and typed; the service makes it.")
    starts_at = VenueTimeField(
        help_text="With its UTC offset; or without, if `time_zone` is given: then it is the local time at the venue. "
        "It is answered as the local time at the venue, with its offset."
    )
    price = PriceField(
        max_digits=11,
        decimal_places=MOST_DECIMALS,
        min_value=0,
        help_text="A decimal number as text, with at most the currency's decimals; answered with all of them.",
    )
    currency = CurrencyField(validators=[validate_currency], help_text="ISO 4217, for example EUR.")
    replaces = LinkField(read_only=True, allow_null=True, help_text="The canceled ticket that it was issued for.")
    replacement = LinkField(read_only=True, allow_null=True, help_text="The ticket that was issued in its place.")

    class Meta:
        model = Ticket
        fields = NAMES
        read_only_fields = ["id", "code", "status", "version", "created_at", "updated_at"]

    def __init__(self, *args: Any, representation: Representation = WHOLE, **options: Any) -> None:
        super().__init__(*args, **options)
        self._names = representation.names
        self._expanded = {
            name: TicketSerializer(representation=Representation(expanded=below))
            for name, below in representation.expanded.items()
        }

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        return {name: fields[name] for name in self._names} if self._names else fields

    def to_representation(self, instance: Ticket) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if "starts_at" in shown:
            local = at_venue(instance.starts_at, instance.time_zone).isoformat()
            shown["starts_at"] = local.replace("+00:00", "Z")
        for name, serializer in self._expanded.items():
            other = linked(instance, name)
            shown[name] = serializer.to_representation(other) if other else None
        return shown


class TicketPartSerializer(TicketSerializer):
    """The members of a ticket that `fields` names."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = field.read_only = False  # The document calls members required that only the service sets.
        return fields


@extend_schema_field(either("ListedTicket", TicketSerializer, TicketPartSerializer, many=True))
class ListedTicketsField(serializers.ListField):
    """The tickets of a page."""


class TicketListSerializer(serializers.Serializer[Any]):
    """A page of tickets."""

    results = ListedTicketsField()
    has_more = serializers.BooleanField(help_text="Whether there are more tickets in the direction of the request.")
    next = serializers.URLField(allow_null=True, help_text="The address of the tickets after these.")
    previous = serializers.URLField(allow_null=True, help_text="The address of the tickets before these.")


class TicketOutlineSerializer(serializers.ModelSerializer[Ticket]):
    """The fields for a caller who may change the ticket but not see it."""

    class Meta:
        model = Ticket
        fields = ["id", "status", "version"]


CHANGED = either("ChangeAnswer", TicketSerializer, TicketOutlineSerializer)
"""A ticket that was changed, as far as the caller may see it."""


class CancellationSerializer(serializers.Serializer[dict[str, Ticket | None]]):
    """A cancelled ticket and its replacement, if it has one."""

    canceled = TicketSerializer()
    replacement = TicketSerializer(allow_null=True)


class CancellationOutlineSerializer(serializers.Serializer[dict[str, Ticket | None]]):
    canceled = TicketOutlineSerializer()
    replacement = TicketOutlineSerializer(allow_null=True)
