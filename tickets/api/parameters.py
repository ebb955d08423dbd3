"""Read the parameters of the list and of a shown ticket; all that are wrong are refused in one answer."""

from datetime import UTC, date, datetime
from typing import Any, Never, cast

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from events.texts.numbers import WHOLE
from tickets.api.bodies import AddressField, TextField
from tickets.api.representation import EXPANSIONS, NAMES
from tickets.models import Status
from tickets.values.texts import normalized
from tickets.values.validators import EARLIEST, LATEST, validate_currency
from tickets.values.venue_time import INCOMPLETE, is_complete

ORDERS = [
    f"{sign}{name}" for name in ("created_at", "starts_at", "title", "venue", "code", "price") for sign in ("", "-")
]
MOST_TICKETS = 100
MAX_NAME_LENGTH = 50
DEFAULT_LIMIT = 25
NO_DAY = (
    "Write a date, such as 2027-05-01, or a time with its offset, such as 2027-05-01T20:00:00+02:00 (in a URL, write + "
    "as %2B)."
)


@extend_schema_field({"type": "string", "minLength": 10, "examples": ["2027-05-01", "2027-05-01T20:00:00+02:00"]})
class DayOrTimeField(serializers.Field[date | datetime, str, str, Any]):
    """A day, at whichever venue, or an instant."""

    def to_internal_value(self, data: str) -> date | datetime:
        try:
            found = (parse_date(data) or parse_datetime(data)) if _is_plain(data) else None
        except ValueError:
            found = None
        if found is None or (isinstance(found, datetime) and found.tzinfo is None):
            raise serializers.ValidationError(NO_DAY)
        if isinstance(found, datetime) and not is_complete(data):
            raise serializers.ValidationError(INCOMPLETE)
        if not EARLIEST.year <= found.year < LATEST.year:
            raise serializers.ValidationError("Write a year from 1900 to 2200.")
        return found.astimezone(UTC) if isinstance(found, datetime) else found

    def to_representation(self, value: date | datetime) -> str:
        return value.isoformat()


def _is_plain(data: Any) -> bool:
    """Tell whether it is a text in ASCII; a filter in a body may have anything."""
    return isinstance(data, str) and data.isascii()


class LimitField(serializers.IntegerField):
    """A number in plain digits; REST framework also takes 1_0, spaces around, and the digits of other scripts."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and not WHOLE.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class OneOfField(serializers.ChoiceField):
    """A name of a few; the refusal of another one lists them."""

    default_error_messages = {"invalid_choice": "{input} is unknown; use one of {known}."}

    def fail(self, key: str, **values: Any) -> Never:
        given = {name: repr(value)[:MAX_NAME_LENGTH] for name, value in values.items()}
        super().fail(key, **given, known=", ".join(map(str, self.choices)))


class NamesField(serializers.ListField):
    """A list of names: the parameter is repeated, or has several names separated by commas."""

    def to_internal_value(self, data: list[str]) -> list[str]:
        known = cast("serializers.ChoiceField", self.child).choices
        names = [name for text in data for name in text.split(",") if name]
        if unknown := [name for name in names if name not in known]:
            raise serializers.ValidationError(
                f"{unknown[0][:MAX_NAME_LENGTH]!r} is unknown; use one of {', '.join(known)}."
            )
        return names


class ShowParameters(serializers.Serializer[Any]):
    """Which members a shown ticket has."""

    fields = NamesField(  # type: ignore[assignment]  # Django REST framework takes it out of the class's names.
        child=serializers.ChoiceField(choices=NAMES),
        default=list,
        help_text="The members of each ticket in the answer, separated by commas; empty: all.",
    )
    expand = NamesField(
        child=serializers.ChoiceField(choices=EXPANSIONS),
        default=list,
        help_text="Answer these tickets themselves in the place of their ids, separated by commas, for example "
        "`replacement` or `replaces.replaces`; two levels at most.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = attrs["fields"]
        left_out = [path for path in attrs["expand"] if names and path.partition(".")[0] not in names]
        if left_out:
            raise serializers.ValidationError({"expand": [f"`fields` leaves {left_out[0]} out; name it there too."]})
        return attrs


class FilterParameters(serializers.Serializer[Any]):
    """Which tickets are meant."""

    status = OneOfField(choices=Status.choices, required=False, help_text="Only tickets with this status.")
    venue = TextField(required=False, min_length=1, help_text="Only tickets of this venue.")
    starts_from = DayOrTimeField(
        required=False, help_text="Only tickets that start on or after this day at the venue, or at or after this time."
    )
    starts_to = DayOrTimeField(
        required=False,
        help_text="Only tickets that start on or before this day at the venue, or at or before this time.",
    )
    holder_email = AddressField(
        required=False, help_text="Only tickets of this address; upper and lower case are the same after the @ alone."
    )
    currency = TextField(
        required=False,
        min_length=3,
        max_length=3,
        validators=[validate_currency],
        help_text="Only tickets with a price in this currency (ISO 4217).",
    )
    code = TextField(
        required=False,
        min_length=1,
        help_text="Only the ticket with this code, in any case, with or without spaces and hyphens.",
    )

    def validate_venue(self, venue: str) -> str:
        return normalized(venue)


class ListParameters(FilterParameters, ShowParameters):
    """Which tickets to list, in which order, and from where on."""

    ordering = OneOfField(
        choices=ORDERS,
        required=False,
        help_text="The order; `-` means descending. Without it: the newest ticket first.",
    )
    limit = LimitField(
        min_value=1, max_value=MOST_TICKETS, default=DEFAULT_LIMIT, help_text="The most tickets to answer."
    )
    starting_after = serializers.UUIDField(
        required=False, help_text="Answer the tickets after the one with this id, which was the last one of a page."
    )
    ending_before = serializers.UUIDField(
        required=False, help_text="Answer the tickets before the one with this id, which was the first one of a page."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "starting_after" in attrs and "ending_before" in attrs:
            raise serializers.ValidationError({"ending_before": ["Give either starting_after or ending_before."]})
        return super().validate(attrs)


def read_parameters(request: Request, parameters: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the parameters; raise ValidationError, with the messages by parameter."""
    serializer = parameters(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found
