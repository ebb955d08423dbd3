"""The search's parameters and its answer, as REST takes, gives and documents them."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from readmodel.search import DEFAULT_PAGE_SIZE, MAX_HITS, MAX_PAGE_SIZE, MAX_QUERY_LENGTH, STATUSES, Page


class SearchParameters(serializers.Serializer[dict[str, Any]]):
    """What may be asked for; what does not depend on types alone is checked by SearchQuery."""

    q = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_QUERY_LENGTH,
        help_text="Words in any order, of the code, the title, the venue or the holder's name; the last may be "
        "unfinished. A ticket with this very code comes first. Empty: all tickets, by the time they start.",
    )
    status = serializers.ChoiceField(
        choices=STATUSES, allow_blank=True, default="", help_text="Only tickets with this status."
    )
    page = serializers.IntegerField(
        min_value=1, default=1, help_text=f"Only the first {MAX_HITS:,} tickets can be paged through."
    )
    page_size = serializers.IntegerField(min_value=1, max_value=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)


class SearchHitSerializer(serializers.Serializer[dict[str, Any]]):
    """A ticket as the read model has it, with what matched."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    title = serializers.CharField()
    venue = serializers.CharField()
    starts_at = serializers.DateTimeField()
    seat = serializers.CharField()
    holder_name = serializers.CharField()
    holder_email = serializers.EmailField()
    price = serializers.DecimalField(max_digits=10, decimal_places=2)
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES)
    replaces = serializers.UUIDField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    replaced_by = serializers.UUIDField(allow_null=True)
    highlights = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="For fields that matched as typed: their text as HTML, escaped, with <mark> around what matched.",
    )


class SearchPageSerializer(serializers.Serializer[dict[str, Any]]):
    """Some of the tickets found."""

    count = serializers.IntegerField(help_text="All tickets found, also beyond the last page.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = SearchHitSerializer(many=True)


def page_as_json(page: Page, request: Request) -> dict[str, Any]:
    """Return the page as SearchPageSerializer documents it."""

    def link_to(number: int | None) -> str | None:
        return replace_query_param(request.build_absolute_uri(), "page", number) if number else None

    return {
        "count": page.count,
        "next": link_to(page.next_page),
        "previous": link_to(page.previous_page),
        "results": [{**hit.document, "highlights": hit.highlights} for hit in page.hits],
    }
