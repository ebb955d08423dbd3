"""The filters on the search page: each facet's values with their counts, and the chosen values; pure."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from django.http import QueryDict

from readmodel.tickets.pages.labels import FACETS, STATUSES, label_of
from readmodel.tickets.pages.search_form import DATES, FILTERS
from readmodel.tickets.search.facets import Bucket, Facet
from readmodel.tickets.search.search import SearchPage

SINGLE = {"month", "price", "currency"}
ORDERS: Mapping[str, Callable[[str], str | int]] = {
    "status": list(STATUSES).index,
    "month": str,
    "price": lambda value: int(value.partition("-")[0]),
}
"""The facets whose values have their own order. Otherwise those come first that are frequent without filters."""


class Choice(msgspec.Struct, frozen=True):
    """A value of a filter; `removed` has the page's parameters without this value."""

    value: str
    label: str
    count: int
    is_chosen: bool
    removed: Mapping[str, Sequence[str] | None]


class FilterOptions(msgspec.Struct, frozen=True):
    """A facet on the page. Several of its values can be chosen, unless it is single."""

    name: str
    title: str
    choices: Sequence[Choice]
    uncounted: int
    """The number of tickets whose values are not among the choices."""

    @property
    def is_single(self) -> bool:
        return self.name in SINGLE

    @property
    def chosen(self) -> list[Choice]:
        return [choice for choice in self.choices if choice.is_chosen]


def offered_filters(page: SearchPage, parameters: QueryDict) -> list[FilterOptions]:
    """Return the filters that have choices."""
    found = [filter_options_of(name, page.facets[name], parameters) for name in FILTERS if name in page.facets]
    return [offered for offered in found if offered.choices]


def filter_options_of(name: str, facet: Facet, parameters: QueryDict) -> FilterOptions:
    """Return the choices in an order that further filters do not change; none vanishes because nothing is found."""
    chosen = [value for value in parameters.getlist(name) if value]
    if name in SINGLE:
        chosen = chosen[-1:]
    counts = {_with_currency(bucket.value, facet): bucket.count for bucket in (*facet.offered, *facet.buckets)}
    # A chosen value that is no longer found stays, so that the user can remove it.
    values = list(dict.fromkeys([*counts, *(STATUSES if name == "status" else ()), *chosen]))
    if name in ORDERS:
        values.sort(key=ORDERS[name])
    choices = [_choice_of(name, Bucket(value, counts.get(value, 0)), chosen) for value in values]
    return FilterOptions(name, str(FACETS[name]), choices, facet.others)


def chosen_dates(parameters: QueryDict) -> list[Choice]:
    """Return the first and the last day that are chosen."""
    days = {name: parameters.get(name, "") for name in DATES}
    return [
        Choice(value=day, label=label_of(name, day), count=0, is_chosen=True, removed={name: None})
        for name, day in days.items()
        if day
    ]


def _with_currency(value: str, facet: Facet) -> str:
    return f"{value} {facet.currency}" if facet.currency else value


def _choice_of(name: str, bucket: Bucket, chosen: Sequence[str]) -> Choice:
    return Choice(
        value=bucket.value,
        label=label_of(name, bucket.value),
        count=bucket.count,
        is_chosen=bucket.value in chosen,
        removed={name: [value for value in chosen if value != bucket.value] or None},
    )
