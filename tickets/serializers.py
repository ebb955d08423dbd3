"""Convert tickets to and from JSON for the REST interface."""

from datetime import datetime
from typing import Any

from django.utils.timezone import is_naive
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


class CancellationSerializer(serializers.Serializer[dict[str, Ticket]]):
    """A cancelled ticket and its replacement."""

    canceled = TicketSerializer()
    replacement = TicketSerializer()
