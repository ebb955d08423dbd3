"""Filter and order the list of tickets."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from tickets.models import Ticket
from tickets.models.queries import TicketQuerySet
from tickets.values.texts import normalized


class TicketFilters(FilterSet):  # type: ignore[misc]  # The package has no types.
    venue = CharFilter(method="of_venue")
    code = CharFilter(method="with_code", help_text="In any case, with or without spaces and hyphens.")

    class Meta:
        model = Ticket
        fields = ["status"]

    def of_venue(self, tickets: TicketQuerySet, _: str, venue: str) -> TicketQuerySet:
        return tickets.filter(venue=normalized(venue))

    def with_code(self, tickets: TicketQuerySet, _: str, code: str) -> TicketQuerySet:
        return tickets.with_code(code)


class StableOrdering(OrderingFilter):
    """Order equal tickets by id; otherwise pages would repeat some tickets and leave out others."""

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: APIView, request: Request
    ) -> list[str]:
        """Refuse what the base class would ignore."""
        valid = super().remove_invalid_fields(queryset, fields, view, request)
        if unknown := [name for name in fields if name not in valid]:
            known = ", ".join(name for name, _ in self.get_valid_fields(queryset, view, {"request": request}))
            raise ValidationError({self.ordering_param: [f"{unknown[0][:50]!r} is not an order; use one of {known}."]})
        return valid

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> Sequence[str]:
        return [*(super().get_ordering(request, queryset, view) or []), "-id"]
