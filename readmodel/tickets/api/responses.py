"""Build the search's JSON answers, which readmodel/tickets/api/serializers.py documents."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from readmodel.tickets.search.facets import Facet
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.search import Hit, SearchPage
from readmodel.tickets.search.suggestions import Suggestion


def page_as_json(page: SearchPage, request: Request) -> dict[str, Any]:
    """Return a numbered page."""
    address = request.build_absolute_uri()

    def link_to(number: int | None) -> str | None:
        return replace_query_param(address, "page", number) if number else None

    return _answer(page, link_to(page.next_page), link_to(page.previous_page))


def cursor_page_as_json(page: SearchPage, request: Request) -> dict[str, Any]:
    """Return a page that follows a cursor; such pages have no previous one."""
    address = request.build_absolute_uri(request.path)
    return _answer(page, f"{address}?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else None, None)


def _answer(page: SearchPage, next_link: str | None, previous_link: str | None) -> dict[str, Any]:
    return {
        "count": page.count,
        "next": next_link,
        "previous": previous_link,
        "facets": {name: _facet_as_json(facet) for name, facet in page.facets.items()},
        "results": [_hit_as_json(hit, page.query) for hit in page.hits],
    }


def _facet_as_json(facet: Facet) -> dict[str, Any]:
    currency = {"currency": facet.currency} if facet.currency else {}
    return {"buckets": msgspec.to_builtins(facet.buckets), "others": facet.others, **currency}


def _hit_as_json(hit: Hit, query: SearchQuery) -> dict[str, Any]:
    members = {**hit.document, "highlights": hit.highlights}
    return {name: members[name] for name in query.fields or members}


def suggestions_as_json(suggestions: list[Suggestion]) -> dict[str, Any]:
    return {"suggestions": msgspec.to_builtins(suggestions)}
