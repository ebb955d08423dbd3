"""Convert tickets to and from JSON for the REST interface."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.timezone import is_naive
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from tickets.models import Ticket
from tickets.values.money import MOST_DECIMALS, is_plain
from tickets.values.venue_time import INCOMPLETE, at_venue, is_complete


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


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    starts_at = VenueTimeField(
        help_text="With its UTC offset; or without, if `time_zone` is given: then it is the local time at the venue. "
        "It is answered as the local time at the venue, with its offset."
    )
    price = PriceField(
        max_digits=11, decimal_places=MOST_DECIMALS, min_value=0, help_text="With at most the currency's decimals."
    )
    replacement = serializers.PrimaryKeyRelatedField[Ticket](read_only=True, allow_null=True)

    class Meta:
        model = Ticket
        fields = [
            "id",
            "code",
            "title",
            "venue",
            "starts_at",
            "time_zone",
            "seat",
            "holder_name",
            "holder_email",
            "price",
            "currency",
            "status",
            "replaces",
            "replacement",
            "version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "code", "status", "replaces", "version", "created_at", "updated_at"]

    def to_representation(self, instance: Ticket) -> dict[str, Any]:
        shown = super().to_representation(instance)
        local = at_venue(instance.starts_at, instance.time_zone).isoformat()
        return shown | {"starts_at": local.replace("+00:00", "Z")}

    def create(self, validated_data: Any) -> Ticket:
        return Ticket.issue(**validated_data)


class TicketOutlineSerializer(serializers.ModelSerializer[Ticket]):
    """The fields for a caller who may change the ticket but not see it."""

    class Meta:
        model = Ticket
        fields = ["id", "status", "version"]


class CancellationSerializer(serializers.Serializer[dict[str, Ticket]]):
    """A cancelled ticket and its replacement."""

    canceled = TicketSerializer()
    replacement = TicketSerializer()


class CancellationOutlineSerializer(serializers.Serializer[dict[str, Ticket]]):
    canceled = TicketOutlineSerializer()
    replacement = TicketOutlineSerializer()


def either(name: str, whole: type[serializers.Serializer[Any]], outline: type[serializers.Serializer[Any]]) -> Any:
    """Describe an answer that has the outline alone for callers who may not see the ticket."""
    return PolymorphicProxySerializer(component_name=name, serializers=[whole, outline], resource_type_field_name=None)
