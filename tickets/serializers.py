"""Convert tickets to and from JSON for the REST interface."""

from datetime import datetime
from typing import Any

from django.utils.timezone import is_naive
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from tickets.models import Ticket
from tickets.validators import NAIVE


class AwareDateTimeField(serializers.DateTimeField):
    """A time with its UTC offset. DRF would read a time without one as the server's; this field refuses it."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if is_naive(value):
            raise serializers.ValidationError(NAIVE)
        return super().enforce_timezone(value)


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    starts_at = AwareDateTimeField()
    replacement = serializers.PrimaryKeyRelatedField[Ticket](read_only=True, allow_null=True)

    class Meta:
        model = Ticket
        fields = [
            "id",
            "code",
            "title",
            "venue",
            "starts_at",
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

    def create(self, validated_data: Any) -> Ticket:
        return Ticket.issue(**validated_data)


class TicketOutlineSerializer(serializers.ModelSerializer[Ticket]):
    """What a caller gets who may change the ticket and not see it."""

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
