"""Page through the list as Stripe's API does: after or before a ticket, so that new tickets move nothing.

The fields by which tickets can be ordered never change, so the place of a ticket in the list stays the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db.models import Q
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from tickets.models import Ticket
from tickets.models.queries import TicketQuerySet


class Order(NamedTuple):
    """By a field, and among equal tickets the newest first; without a field by id alone."""

    field: str
    is_descending: bool
    newest_first: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text.lstrip("-"), text.startswith("-"))

    def reversed(self) -> "Order":
        return Order(self.field, not self.is_descending, not self.newest_first)

    def names(self) -> list[str]:
        by_field = [f"{'-' if self.is_descending else ''}{self.field}"] if self.field else []
        return [*by_field, "-id" if self.newest_first else "id"]

    def after(self, ticket: Ticket) -> Q:
        """Return the condition for tickets that come after this one."""
        later = Q(**{f"id__{'lt' if self.newest_first else 'gt'}": ticket.id})
        if not self.field:
            return later
        how, value = "lt" if self.is_descending else "gt", getattr(ticket, self.field)
        return Q(**{f"{self.field}__{how}e": value}) & (Q(**{f"{self.field}__{how}": value}) | later)


class Page(NamedTuple):
    """Some tickets of the list, whether there are more in the direction of the reader, and where that is."""

    tickets: Sequence[Ticket]
    has_more: bool
    is_backward: bool
    is_first: bool

    def links(self, request: Request) -> dict[str, str | None]:
        has_next = bool(self.tickets) and (self.is_backward or self.has_more)
        has_previous = bool(self.tickets) and (self.has_more if self.is_backward else not self.is_first)
        return {
            "next": _link(request, "starting_after", self.tickets[-1]) if has_next else None,
            "previous": _link(request, "ending_before", self.tickets[0]) if has_previous else None,
        }


def page_of(tickets: TicketQuerySet, parameters: Mapping[str, Any]) -> Page:
    """Return the page that the parameters name; raise ValidationError if it begins or ends at no ticket."""
    order, limit = Order.parse(parameters.get("ordering", "")), parameters["limit"]
    is_backward = "ending_before" in parameters
    name = "ending_before" if is_backward else "starting_after"
    if is_backward:
        order = order.reversed()
    if name in parameters:
        tickets = tickets.filter(order.after(_ticket_at(name, parameters[name])))
    found = list(tickets.order_by(*order.names())[: limit + 1])
    shown = found[:limit]
    return Page(shown[::-1] if is_backward else shown, len(found) > limit, is_backward, name not in parameters)


def _ticket_at(name: str, ticket_id: UUID) -> Ticket:
    if ticket := Ticket.objects.filter(id=ticket_id).first():
        return ticket
    raise ValidationError({name: ["There is no ticket with this id."]})


def _link(request: Request, name: str, ticket: Ticket) -> str:
    address = request.build_absolute_uri()
    for other in ("starting_after", "ending_before"):
        address = remove_query_param(address, other)
    return replace_query_param(address, name, str(ticket.id))
