"""Read the body of a request that changes many tickets: what to do, and with which ones."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from tickets.api.bodies import SwitchField
from tickets.api.changes import ReasonSerializer
from tickets.api.filters import filtered
from tickets.api.parameters import FilterParameters, OneOfField
from tickets.api.serializers import EXAMPLE_ID
from tickets.jobs.actions import ACTIONS
from tickets.jobs.starting import MOST_TICKETS
from tickets.models import JobKind, Ticket

ONE_OF_TWO = "Give either `ids` or `filter`."
ONLY_FOR_CANCEL = "Only cancellations have this; leave it out."
IDS = {
    "type": "array",
    "items": {"type": "string", "format": "uuid"},
    "minItems": 1,
    "maxItems": MOST_TICKETS,
    "examples": [[EXAMPLE_ID]],
}


@extend_schema_field(IDS)
class IdsField(serializers.Field[list[UUID], Any, Any, Any]):
    """Ids of tickets, each once; REST framework's own list takes ten times as long for 100,000."""

    def to_internal_value(self, data: Any) -> list[UUID]:
        if not isinstance(data, list) or not 1 <= len(data) <= MOST_TICKETS:
            raise ValidationError(f"Send a list of 1 to {MOST_TICKETS:,} ids.")
        return list(dict.fromkeys(_id_at(place, text) for place, text in enumerate(data)))


def _id_at(place: int, text: Any) -> UUID:
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise ValidationError(f"The id at place {place}, counted from 0, is no UUID.") from None


class TicketFilter(FilterParameters):
    """The tickets that have all of these, as in the list of tickets; at least one is needed."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            choice = ", ".join(self.fields)
            raise ValidationError(
                {name[:50]: [f"This filter is unknown; use one of {choice}."] for name in unknown[:10]}
            )
        found = super().to_internal_value(data)
        if not found:
            raise ValidationError("Name at least one filter; without any, all tickets would be changed.")
        return found


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Cancel a show without replacements",
            {
                "action": "cancel",
                "filter": {"venue": "Opera", "starts_from": "2027-05-01", "starts_to": "2027-05-01"},
                "reason": "The show is called off",
                "replace": False,
            },
        ),
        OpenApiExample("Check tickets in", {"action": "check_in", "ids": [EXAMPLE_ID]}),
    ]
)
class BulkSerializer(ReasonSerializer):
    """What to do with which tickets."""

    action = OneOfField(choices=list(ACTIONS), help_text="What to do with each ticket.")
    ids = IdsField(
        required=False, help_text=f"The tickets, {MOST_TICKETS:,} at most; one that is repeated counts once."
    )
    filter = TicketFilter(required=False, help_text="Instead of ids: all tickets that have this now.")
    replace = SwitchField(default=True, help_text="Whether each cancelled ticket gets a replacement like it.")

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError(dict(_flat(error.detail))) from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("filter" in attrs):
            raise ValidationError({"ids": [ONE_OF_TWO]})
        foreign = {"reason", "replace"} & {*self.initial_data} if attrs["action"] != JobKind.CANCEL else ()
        if foreign:
            raise ValidationError({name: [ONLY_FOR_CANCEL] for name in foreign})
        return attrs


def _flat(detail: Any) -> Iterable[tuple[str, Any]]:
    """Name the members of the filter by their path: filter.status."""
    for name, messages in detail.items():
        if isinstance(messages, Mapping):
            yield from (
                (f"{name}.{below}".removesuffix(".non_field_errors"), found) for below, found in messages.items()
            )
        else:
            yield name, messages


def tickets_in(body: Mapping[str, Any]) -> Iterable[UUID]:
    """Return the ids of the chosen tickets; those that a filter finds are read in parts."""
    if "ids" in body:
        found: Iterable[UUID] = body["ids"]
        return found
    tickets = filtered(Ticket.objects.order_by("id"), body["filter"])
    return tickets.values_list("id", flat=True).iterator(chunk_size=5_000)
