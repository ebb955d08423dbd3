"""The bodies of requests that change a ticket."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from tickets.api.bodies import LineField, SwitchField
from tickets.api.serializers import TYPES
from tickets.models import Correction, Ticket
from tickets.models.details import LONGEST_REASON
from tickets.values.validators import validate_text

NO_REPLACEMENT = "There is no replacement whose holder or seat could be corrected; leave this out, or `replace`."
CORRECTED = list(Correction.__annotations__)


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a ticket is changed."""

    reason = LineField(
        default="",
        allow_blank=True,
        max_length=LONGEST_REASON,
        validators=[validate_text],
        help_text="Why; it is recorded in the event.",
    )


@extend_schema_serializer(examples=[OpenApiExample("Another holder", {"holder_name": "Grace Hopper"})])
class CorrectionSerializer(serializers.ModelSerializer[Ticket]):
    """The fields to change; the others stay as they are."""

    serializer_field_mapping = TYPES

    class Meta:
        model = Ticket
        fields = CORRECTED
        extra_kwargs = {name: {"required": False} for name in CORRECTED}


@extend_schema_serializer(
    examples=[
        OpenApiExample("With a replacement for another holder", {"reason": "Sold", "holder_name": "Grace Hopper"}),
        OpenApiExample("Without a replacement", {"reason": "Refunded", "replace": False}),
    ]
)
class CancelSerializer(ReasonSerializer, CorrectionSerializer):
    """Why a ticket is cancelled, and what its replacement is like; without a body it is like the ticket."""

    replace = SwitchField(default=True, help_text="Whether a replacement is issued.")

    class Meta(CorrectionSerializer.Meta):
        fields = ["reason", "replace", *CORRECTED]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["replace"] and (wrong := [name for name in CORRECTED if name in attrs]):
            raise serializers.ValidationError({name: [NO_REPLACEMENT] for name in wrong})
        return attrs


def read_body(request: Request, body: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the body's fields; raise ValidationError."""
    serializer = body(data=request.data)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found
