"""The parameters and answers of the search over REST, for validation and for the OpenAPI schema."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from readmodel.search.cursor import MAX_CURSOR_LENGTH
from readmodel.tickets.api.fields import PriceField, WholeNumberField
from readmodel.tickets.search.query import (
    DEFAULT_PAGE_SIZE,
    FACETS,
    MAX_HITS,
    MAX_PAGE_SIZE,
    MAX_QUERY_LENGTH,
    MAX_VENUES,
    MEMBERS,
    SORTS,
    STATUSES,
)
from readmodel.tickets.search.suggestions import MAX_TYPED_LENGTH


class _NamesField(serializers.ListField):
    """A list of names: the parameter is repeated, or has several names separated by commas."""

    def to_internal_value(self, data: list[str]) -> list[str]:
        return [name for text in data for name in text.split(",") if name]


class _TextsField(serializers.ListField):
    """A list of texts: the parameter is repeated."""

    def to_internal_value(self, data: list[str]) -> list[str]:
        return [text for text in data if text]


def _price_field(help_text: str) -> PriceField:
    return PriceField(max_digits=11, decimal_places=3, min_value=0, allow_null=True, default=None, help_text=help_text)


def _stale_field() -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=("ok",),
        default="",
        allow_blank=True,
        help_text="`ok`: if the writes of the Consistency-Token do not arrive in time, answer without them.",
    )


class SearchParameters(serializers.Serializer[dict[str, Any]]):
    """The parameters of a search. SearchQuery checks more than their types."""

    q = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_QUERY_LENGTH,
        help_text="Words of the code, title, venue, seat, or the holder's name or e-mail address, in any order. The "
        "last word may be unfinished, and longer words slightly mistyped. A ticket with exactly this code comes first. "
        "Empty: all tickets.",
    )
    status = _NamesField(
        child=serializers.ChoiceField(choices=STATUSES),
        default=list,
        help_text="Only tickets with one of these statuses.",
    )
    venue = _TextsField(
        child=serializers.CharField(),
        default=list,
        help_text=f"Only tickets of one of these venues, up to {MAX_VENUES}, spelled exactly like this.",
    )
    starts_from = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Only tickets that start on or after this date, or instant with its zone (ISO 8601).",
    )
    starts_to = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Only tickets that start on or before this date, or instant with its zone.",
    )
    time_zone = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="The time zone of days and months, such as Europe/Berlin; empty: each venue's own.",
    )
    price_min = _price_field("Only tickets at this price or more; needs `currency`.")
    price_max = _price_field("Only tickets at this price or less; needs `currency`.")
    currency = serializers.CharField(
        default="", allow_blank=True, help_text="Only tickets in this currency (ISO 4217, such as EUR)."
    )
    sort = serializers.ChoiceField(
        choices=SORTS,
        default="",
        allow_blank=True,
        help_text="The order; `-` means descending. Empty: by relevance or, without words, by the start.",
    )
    fields = _NamesField(  # type: ignore[assignment]  # Django REST framework takes it out of the class's names.
        child=serializers.ChoiceField(choices=MEMBERS),
        default=list,
        help_text="The members of each ticket in the answer, separated by commas; empty: all.",
    )
    facets = _NamesField(
        child=serializers.ChoiceField(choices=FACETS),
        default=list,
        help_text="Count the hits by these, separated by commas; each facet ignores its own filter.",
    )
    page = WholeNumberField(
        min_value=1,
        default=1,
        help_text=f"Only the first {MAX_HITS:,} tickets have numbered pages; to read all, follow a cursor.",
    )
    page_size = WholeNumberField(min_value=1, max_value=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)
    cursor = serializers.CharField(
        default=None,
        allow_blank=True,
        max_length=MAX_CURSOR_LENGTH,
        help_text="Begin with an empty cursor and follow `next` to read all tickets in their current state. A cursor "
        "is valid for 2 minutes. It contains the whole search: send no other parameter with it.",
    )
    stale = _stale_field()


@extend_schema_field({"type": "string", "format": "idn-email"})
class AddressField(serializers.CharField):
    """An e-mail address, with letters of any script."""


class SearchHitSerializer(serializers.Serializer[dict[str, Any]]):
    """A ticket in the read model, with its matches marked; `fields` chooses the members."""

    id = serializers.UUIDField(required=False)
    code = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    venue = serializers.CharField(required=False)
    starts_at = serializers.DateTimeField(required=False, help_text="The local time at the venue, with its offset.")
    time_zone = serializers.CharField(required=False, help_text="The venue's, such as Europe/Berlin.")
    seat = serializers.CharField(required=False)
    holder_name = serializers.CharField(required=False)
    holder_email = AddressField(required=False)
    price = serializers.DecimalField(max_digits=11, decimal_places=3, required=False)
    currency = serializers.CharField(required=False)
    status = serializers.ChoiceField(choices=STATUSES, required=False)
    replaces = serializers.UUIDField(allow_null=True, required=False)
    version = serializers.IntegerField(required=False)
    created_at = serializers.DateTimeField(required=False)
    updated_at = serializers.DateTimeField(required=False)
    replaced_by = serializers.UUIDField(allow_null=True, required=False)
    highlights = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="For each field that matches as typed: its text as escaped HTML, with <mark> around the matches.",
    )


class BucketSerializer(serializers.Serializer[dict[str, Any]]):
    value = serializers.CharField(
        help_text="A status, a venue, a month such as `2027-05`, or prices such as `25-50`: from 25 to below 50."
    )
    count = serializers.IntegerField()


class FacetSerializer(serializers.Serializer[dict[str, Any]]):
    """How many tickets have each value."""

    buckets = BucketSerializer(many=True)
    others = serializers.IntegerField(
        help_text="The number of tickets with other values than the 20 most frequent ones and the chosen ones."
    )
    currency = serializers.CharField(
        required=False,
        help_text="Of prices: the currency of all of them. Prices in several currencies are not counted: choose one.",
    )


class SearchPageSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of the tickets found."""

    count = serializers.IntegerField(help_text="The number of all tickets found, on all pages.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    facets = serializers.DictField(
        child=FacetSerializer(),
        help_text="The requested facets, on each numbered page and on the first page of a cursor.",
    )
    results = SearchHitSerializer(many=True)


class SuggestionParameters(serializers.Serializer[dict[str, Any]]):
    q = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_TYPED_LENGTH,
        help_text="The text typed so far; the last word may be unfinished.",
    )
    stale = _stale_field()


class SuggestionSerializer(serializers.Serializer[dict[str, Any]]):
    """A text to search for."""

    field = serializers.ChoiceField(choices=("title", "venue", "holder_name", "code"))
    text = serializers.CharField()
    highlighted = serializers.CharField(help_text="The text as escaped HTML, with <mark> around the typed words.")


class SuggestionsSerializer(serializers.Serializer[dict[str, Any]]):
    suggestions = SuggestionSerializer(many=True)
