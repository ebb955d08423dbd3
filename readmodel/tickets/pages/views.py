"""The web pages: search the tickets, and show a ticket's history."""

import json
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _

from events.consistency_token import InvalidToken, read_token
from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.consistency.lag import seconds_behind
from readmodel.consistency.reads import consistent_reads
from readmodel.exceptions import InvalidSearch, StateNotReached
from readmodel.tickets.documents import TicketDocuments
from readmodel.tickets.pages import labels
from readmodel.tickets.pages.decorators import page
from readmodel.tickets.pages.filter_options import offered_filters
from readmodel.tickets.pages.search_form import FILTERS, query_from, without_contradictions
from readmodel.tickets.search.history import History, history_of
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.search import SearchPage, search

UNAVAILABLE = RetryLater, TargetLost
EXAMPLES = 3
WRITTEN = "written"
"""The parameter of a ticket's page with the token of a write that it has to show."""


@page
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the tickets that match; a script that has the page already gets only the changed part."""
    template = "readmodel/found.html" if _is_part(request) else "readmodel/search.html"
    context, status = _answer_to(request)
    context |= {"sorts": labels.SORTS, "is_part": _is_part(request)}
    return render(request, template, context, status=status)


def _is_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def _answer_to(request: HttpRequest) -> tuple[dict[str, Any], HTTPStatus]:
    try:
        parameters = without_contradictions(request.GET)
        found = search(query_from(parameters))
        return _found_context(found, parameters), HTTPStatus.OK
    except InvalidSearch as error:
        errors = [f"{labels.PARAMETERS.get(name, name)}: {message}" for name, message in error.errors.items()]
        return {"errors": errors}, HTTPStatus.BAD_REQUEST
    except Unprocessable:
        too_large = _("This search is too large for Elasticsearch; use fewer words or filters.")
        return {"errors": [too_large]}, HTTPStatus.BAD_REQUEST
    except UNAVAILABLE as error:
        return {"unavailable": error, "has_no_index": isinstance(error, TargetLost)}, HTTPStatus.SERVICE_UNAVAILABLE


def _found_context(found: SearchPage, parameters: QueryDict) -> dict[str, Any]:
    filters = offered_filters(found, parameters)
    return {
        "page": found,
        "filters": filters,
        "cleared": dict.fromkeys([*FILTERS, "page"]),
        "is_filtered": any(offered.chosen for offered in filters),
        "last_page": min(-(-found.count // found.query.page_size), found.query.last_page),
        **({} if found.count else _examples()),
    }


def _examples() -> dict[str, Any]:
    """Return the number of all tickets, and example words that find some, for a search that found none."""
    some = search(SearchQuery(facets=["venue"]))
    titles = dict.fromkeys(hit.document["title"] for hit in some.hits)
    venues = [bucket.value for facet in some.facets.values() for bucket in facet.buckets]
    first = [hit.document[name] for hit in some.hits[:1] for name in ("holder_name", "code")]
    return {"searched": some.count, "examples": [*list(titles)[:EXAMPLES], *venues[:EXAMPLES], *first]}


@page
def ticket_page(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Show a ticket and its timeline; a script that has the page already gets it only if it has changed."""
    try:
        history = _newest_history(ticket_id, request.GET.get(WRITTEN, ""))
    except UNAVAILABLE as error:
        return _ticket_unavailable(request, ticket_id, error)
    tag = _tag_of(history)
    if _is_part(request) and (unchanged := get_conditional_response(request, etag=tag)):
        return unchanged
    template = "readmodel/history.html" if _is_part(request) else "readmodel/ticket.html"
    context: dict[str, Any] = {
        "history": history,
        "ticket": history.ticket,
        "ticket_id": ticket_id,
        "is_part": _is_part(request),
    }
    context |= {"headers": json.dumps({"If-None-Match": tag})}
    is_known = history.ticket or history.events
    return render(request, template, context, status=HTTPStatus.OK if is_known else HTTPStatus.NOT_FOUND)


def _newest_history(ticket_id: UUID, written: str) -> History:
    """Return the history with the write that a consistency token names, or, if that does not come in time, without."""
    if not written:
        return history_of(ticket_id)
    try:
        return consistent_reads(TicketDocuments).read(read_token(written), partial(history_of, ticket_id))
    except (InvalidToken, StateNotReached):
        return history_of(ticket_id)


def _ticket_unavailable(request: HttpRequest, ticket_id: UUID, error: Exception) -> HttpResponse:
    if _is_part(request):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)  # The page keeps what it shows.
    context = {"unavailable": error, "has_no_index": isinstance(error, TargetLost), "ticket_id": ticket_id}
    return render(request, "readmodel/ticket.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _tag_of(history: History) -> str:
    return quote_etag(blake2b(msgspec.json.encode(history), digest_size=12).hexdigest())


@page
def freshness(request: HttpRequest) -> HttpResponse:
    """Show the read model's lag."""
    return render(request, "readmodel/freshness.html", {"behind": seconds_behind(TicketDocuments), "is_known": True})
