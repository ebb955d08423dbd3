"""Read which ticket was used at a gate, by which device, and when."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.timezone import is_naive
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from tickets.api.bodies import LineField, TextField
from tickets.api.serializers import VenueTimeField
from tickets.models import Passage
from tickets.values.validators import validate_instant, validate_text

LONGEST = 100
LONGEST_QR = 100
NO_NONCE = f"A nonce has 1 to {LONGEST} visible ASCII characters, without spaces; send a UUID."
NO_OFFSET = "Write this time with its offset, for example 2027-05-01T19:45:00+02:00, or with Z for UTC."
NO_DEVICE = "Name the device too: a nonce is one of a device."
ONE = "Give the code or the QR code's text, and not both."


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"})
class NonceField(TextField, serializers.RegexField):
    """The device's own name for a check-in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"\A[!-~]+\Z", max_length=LONGEST, error_messages={"invalid": NO_NONCE}, **options)


class InstantField(VenueTimeField):
    """A time with its offset: no venue says in which time zone a device's clock is."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if is_naive(value):
            raise serializers.ValidationError(NO_OFFSET)
        return super().enforce_timezone(value)


class PassageSerializer(serializers.Serializer[Any]):
    """By which device somebody was let in, and when."""

    device = LineField(
        default="", max_length=LONGEST, allow_blank=True, validators=[validate_text], help_text="Which one, and where."
    )
    nonce = NonceField(
        default="",
        help_text="The device's own name for this check-in, such as a UUID: sent again with it, the request is "
        "answered as before, for ever.",
    )
    at = InstantField(
        default=None,
        validators=[validate_instant],
        help_text="When, by the device's clock, if that was earlier. A time in the future counts as now.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["nonce"] and not attrs["device"]:
            raise serializers.ValidationError({"device": [NO_DEVICE]})
        return attrs


@extend_schema_serializer(
    examples=[
        OpenApiExample("A typed code", {"code": "k7wq-2mxa", "device": "Door 3", "nonce": "3f0c9a"}),
    ]
)
class CheckInSerializer(PassageSerializer):
    """The ticket that somebody has shown."""

    code = TextField(default="", max_length=LONGEST, help_text="In any case, with or without spaces and hyphens.")
    qr = TextField(default="", max_length=LONGEST_QR, help_text="The text of the ticket's QR code.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs["code"]) == bool(attrs["qr"]):
            raise serializers.ValidationError({"code": [ONE]})
        return super().validate(attrs)


def passage_in(body: dict[str, Any]) -> Passage:
    """Return how the ticket was used; nothing has happened later than now."""
    now = timezone.now()
    at: datetime | None = body["at"]
    return Passage(device=body["device"], nonce=body["nonce"], at=min(at, now) if at else now)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A typed code",
            {"code": "K7WQ2MXA", "device": "Door 3", "nonce": "3f0c9b", "at": "2027-05-01T19:45:00Z"},
        )
    ]
)
class LateCheckInSerializer(CheckInSerializer):
    """The ticket that somebody has shown while the device had no network."""

    device = LineField(max_length=LONGEST, validators=[validate_text], help_text="Which one, and where.")
    nonce = NonceField(help_text="The device's own name for this check-in, such as a UUID.")
    at = InstantField(
        validators=[validate_instant], help_text="When, by the device's clock. A time in the future counts as now."
    )


@extend_schema_field({"anyOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}]})
class ProblemField(serializers.DictField):
    """Why a check-in was refused: the problem that it would have been answered by itself."""


class ReportedSerializer(serializers.Serializer[Any]):
    """What became of a late check-in."""

    nonce = serializers.CharField(allow_null=True, help_text="That of the request.")
    outcome = serializers.ChoiceField(
        choices=["taken", "repeated", "refused"], help_text="`repeated`: it was taken before, under the same nonce."
    )
    ticket = serializers.UUIDField(allow_null=True, help_text="The ticket's id, if it is checked in now.")
    problem = ProblemField(allow_null=True)


class ReportSerializer(serializers.Serializer[Any]):
    """The answers to late check-ins, in the order of the request."""

    results = ReportedSerializer(many=True)
