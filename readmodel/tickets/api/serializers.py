"""The search's parameters and its answers, as REST takes, gives and documents them."""

from typing import Any

from rest_framework import serializers

from readmodel.search.cursor import MAX_CURSOR_LENGTH
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


class NamesField(serializers.ListField):
    """Names, each given by itself or several separated by commas."""

    def to_internal_value(self, data: list[str]) -> list[str]:
        return [name for text in data for name in text.split(",") if name]


class TextsField(serializers.ListField):
    """Texts, each given by itself."""

    def to_internal_value(self, data: list[str]) -> list[str]:
        return [text for text in data if text]


def price_field(help_text: str) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=0, allow_null=True, default=None, help_text=help_text
    )


def stale_field() -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=("ok",),
        default="",
        allow_blank=True,
        help_text="`ok`: rather an answer that lacks what the Consistency-Token names than none.",
    )


class SearchParameters(serializers.Serializer[dict[str, Any]]):
    """What may be asked for; what does not depend on types alone is checked by SearchQuery."""

    q = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_QUERY_LENGTH,
        help_text="Words in any order, of the code, the title, the venue or the holder's name; the last may be "
        "unfinished, and longer ones slightly mistyped. A ticket with this very code comes first. Empty: all tickets.",
    )
    status = NamesField(
        child=serializers.ChoiceField(choices=STATUSES), default=list, help_text="Only tickets with one of these."
    )
    venue = TextsField(
        child=serializers.CharField(),
        default=list,
        help_text=f"Only tickets of one of these venues, spelled exactly so; up to {MAX_VENUES}.",
    )
    starts_from = serializers.CharField(
        default="", allow_blank=True, help_text="Only tickets from this date, or instant with its zone (ISO 8601)."
    )
    starts_to = serializers.CharField(
        default="", allow_blank=True, help_text="Only tickets up to this date, or instant, which is included."
    )
    time_zone = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Whose days and months are meant, by its name, such as Europe/Berlin; empty: UTC.",
    )
    price_min = price_field("Only tickets that cost so much or more, in whatever currency.")
    price_max = price_field("Only tickets that cost so much or less, in whatever currency.")
    currency = serializers.CharField(
        default="", allow_blank=True, help_text="Only tickets in this currency (ISO 4217, such as EUR)."
    )
    sort = serializers.ChoiceField(
        choices=SORTS,
        default="",
        allow_blank=True,
        help_text="The order; `-` is descending. Empty: by relevance, without words by the time they start.",
    )
    fields = NamesField(  # type: ignore[assignment]  # Django REST framework takes it out of the class's names.
        child=serializers.ChoiceField(choices=MEMBERS),
        default=list,
        help_text="Which members of a ticket are answered, separated by commas; empty: all.",
    )
    facets = NamesField(
        child=serializers.ChoiceField(choices=FACETS),
        default=list,
        help_text="What the hits are counted by, separated by commas; each as if its own filter were not set.",
    )
    page = serializers.IntegerField(
        min_value=1,
        default=1,
        help_text=f"Only the first {MAX_HITS:,} tickets have numbered pages; a cursor leads to all.",
    )
    page_size = serializers.IntegerField(min_value=1, max_value=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)
    cursor = serializers.CharField(
        default=None,
        allow_blank=True,
        max_length=MAX_CURSOR_LENGTH,
        help_text="Given empty, `next` leads on to all tickets as they are now, for 2 minutes after each page. "
        "Such a cursor is given alone: it has the search in it.",
    )
    stale = stale_field()


class SearchHitSerializer(serializers.Serializer[dict[str, Any]]):
    """A ticket as the read model has it, with what matched; `fields` chooses the members."""

    id = serializers.UUIDField(required=False)
    code = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    venue = serializers.CharField(required=False)
    starts_at = serializers.DateTimeField(required=False)
    seat = serializers.CharField(required=False)
    holder_name = serializers.CharField(required=False)
    holder_email = serializers.EmailField(required=False)
    price = serializers.DecimalField(max_digits=10, decimal_places=2, required=False)
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
        help_text="For fields that matched as typed: their text as HTML, escaped, with <mark> around what matched.",
    )


class BucketSerializer(serializers.Serializer[dict[str, Any]]):
    value = serializers.CharField(
        help_text="A status, a venue, a month such as `2027-05`, or prices such as `25-50`: from 25 to below 50."
    )
    count = serializers.IntegerField()


class FacetSerializer(serializers.Serializer[dict[str, Any]]):
    """How many tickets have each value."""

    buckets = BucketSerializer(many=True)
    others = serializers.IntegerField(help_text="How many have other values than the 20 most frequent ones.")


class SearchPageSerializer(serializers.Serializer[dict[str, Any]]):
    """Some of the tickets found."""

    count = serializers.IntegerField(help_text="All tickets found, also beyond the last page.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    facets = serializers.DictField(
        child=FacetSerializer(), help_text="Those asked for, on the first page of a cursor, and on each numbered page."
    )
    results = SearchHitSerializer(many=True)


class SuggestionParameters(serializers.Serializer[dict[str, Any]]):
    q = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_TYPED_LENGTH,
        help_text="What was typed so far; the last word is taken as a beginning.",
    )
    stale = stale_field()


class SuggestionSerializer(serializers.Serializer[dict[str, Any]]):
    """A text to search for."""

    field = serializers.ChoiceField(choices=("title", "venue", "holder_name", "code"))
    text = serializers.CharField()
    highlighted = serializers.CharField(help_text="The text as HTML, escaped, with <mark> around what was typed.")


class SuggestionsSerializer(serializers.Serializer[dict[str, Any]]):
    suggestions = SuggestionSerializer(many=True)
