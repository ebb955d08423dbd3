"""Page through a list as Stripe's API does: after or before a row, so that new rows move nothing.

The fields by which tickets can be ordered never change, so the place of a ticket in the list stays the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param


class Order(NamedTuple):
    """By a field, and among equal rows the newest first; without a field by id alone."""

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

    def after(self, row: Model) -> Q:
        """Return the condition for rows that come after this one."""
        later = Q(**{f"id__{'lt' if self.newest_first else 'gt'}": row.pk})
        if not self.field:
            return later
        how, value = "lt" if self.is_descending else "gt", getattr(row, self.field)
        return Q(**{f"{self.field}__{how}e": value}) & (Q(**{f"{self.field}__{how}": value}) | later)


class Page[Row: Model](NamedTuple):
    """Some rows of the list, whether there are more in the direction of the reader, and where that is."""

    rows: Sequence[Row]
    has_more: bool
    is_backward: bool
    is_first: bool
    key: str

    def links(self, request: Request) -> dict[str, str | None]:
        has_next = bool(self.rows) and (self.is_backward or self.has_more)
        has_previous = bool(self.rows) and (self.has_more if self.is_backward else not self.is_first)
        return {
            "next": self._link(request, "starting_after", self.rows[-1]) if has_next else None,
            "previous": self._link(request, "ending_before", self.rows[0]) if has_previous else None,
        }

    def _link(self, request: Request, name: str, row: Row) -> str:
        address = request.build_absolute_uri()
        for other in ("starting_after", "ending_before"):
            address = remove_query_param(address, other)
        return replace_query_param(address, name, str(getattr(row, self.key)))


def page_of[Row: Model](
    rows: QuerySet[Row],
    parameters: Mapping[str, Any],
    *,
    among: QuerySet[Row] | None = None,
    order: Order | None = None,
    key: str = "id",
) -> Page[Row]:
    """Return the page that the parameters name; raise ValidationError if it begins or ends at no row.

    That row is one of `among`, or of the list; `key` is the field by which the parameters name it.
    """
    order, limit = order or Order.parse(parameters.get("ordering", "")), parameters["limit"]
    is_backward = "ending_before" in parameters
    name = "ending_before" if is_backward else "starting_after"
    if is_backward:
        order = order.reversed()
    if name in parameters:
        at = (rows if among is None else among).filter(**{key: parameters[name]}).first()
        if at is None:
            raise ValidationError({name: [f"There is no {rows.model._meta.verbose_name} with this id."]})
        rows = rows.filter(order.after(at))
    found = list(rows.order_by(*order.names())[: limit + 1])
    shown = found[:limit]
    return Page(shown[::-1] if is_backward else shown, len(found) > limit, is_backward, name not in parameters, key)
