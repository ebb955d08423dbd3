"""Template tags and filters that show tickets."""

import re
from collections.abc import Mapping
from decimal import Decimal
from html import unescape
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.template import Context, Library
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from readmodel.search.highlighting import END_MARK, MARK
from readmodel.tickets.pages import labels
from readmodel.tickets.search.query import MAX_QUERY_LENGTH
from readmodel.tickets.search.search import Hit
from readmodel.tickets.search.upcoming import Show
from tickets.values import written

register = Library()
SEARCH = "search"
"""The parameter of a ticket's page with the query of the search."""
MARKS = re.compile(f"({MARK}|{END_MARK})")


@register.simple_tag
def highlighted(hit: Hit, name: str) -> SafeString:
    """Show a field with its matches marked; everything else is escaped here, whatever Elasticsearch has sent."""
    [html, *_] = hit.highlights.get(name) or [escape(hit.document[name])]
    return marked_text(html)


@register.simple_tag
def marked_text(html: str) -> SafeString:
    """Show a text whose matches are marked; everything else is escaped here."""
    pieces = MARKS.split(html)  # text, mark, text, end of mark, text, ...
    whole = "".join(piece if MARKS.fullmatch(piece) else escape(unescape(piece)) for piece in pieces)
    return mark_safe(whole)  # noqa: S308 (each piece is escaped above, or one of the two marks)


@register.simple_tag
def moment(text: str, time_zone: str) -> SafeString:
    """Show an instant as the local time at the venue; documents of earlier releases have no time zone.

    pages.js adds the time of the viewer's own zone where that differs.
    """
    zone = time_zone or "UTC"
    return format_html('<time datetime="{}" data-zone="{}">{}</time>', text, zone, labels.moment_in(text, zone))


@register.simple_tag
def amount(price: str | Decimal, currency: str) -> str:
    """Show a price with the decimals that it has, which are those of its currency."""
    return labels.amount_in(price, currency)


@register.simple_tag(takes_context=True)
def ticket_address(context: Context, ticket_id: UUID | str) -> str:
    """Return the address of a ticket's page, which keeps the query of the search, for the way back."""
    return _with_query(
        reverse("ticket", args=[ticket_id]), urlencode({SEARCH: text}) if (text := _search(context)) else ""
    )


@register.simple_tag(takes_context=True)
def change_address(context: Context, name: str, ticket_id: UUID | str) -> str:
    """Return the address of the page that makes this change of the ticket; it keeps the query of the search."""
    address = reverse(f"{name}_ticket", args=[ticket_id])
    return _with_query(address, urlencode({SEARCH: text}) if (text := _search(context)) else "")


@register.simple_tag(takes_context=True)
def search_address(context: Context) -> str:
    """Return the address of the search that led to the page."""
    return _with_query(reverse("search"), _search(context))


def _search(context: Context) -> str:
    """Return the query of the search: the page's own, or the one that a ticket's page was given."""
    request: HttpRequest = context["request"]
    is_search = request.resolver_match is not None and request.resolver_match.view_name == "search"
    return (request.GET if is_search else QueryDict(request.GET.get(SEARCH, ""))).urlencode()


def _with_query(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address


@register.filter
def status_name(status: str) -> str:
    return str(labels.STATUSES.get(status, status))


@register.filter
def event_name(kind: str) -> str:
    return str(labels.EVENTS.get(kind, kind))


@register.filter
def suggested_name(field: str) -> str:
    return str(labels.SUGGESTED[field])


@register.filter
def count_in(status: str, counts: Mapping[str, int]) -> str:
    return written.number(counts.get(status, 0))


@register.simple_tag
def show_address(show: Show) -> str:
    """Return the address of the search for the tickets of a show."""
    day = show.starts_at[:10]
    query = {"q": show.title[:MAX_QUERY_LENGTH], "venue": show.venue, "starts_from": day, "starts_to": day}
    return _with_query(reverse("search"), urlencode(query))


@register.filter
def grouped(number: int) -> str:
    return written.number(number)


@register.filter
def behind(seconds: float) -> str:
    return labels.behind_in_words(seconds)
