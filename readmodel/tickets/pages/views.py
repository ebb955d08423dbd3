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
from readmodel.tickets.pages.filter_options import chosen_dates, filter_options_of, offered_filters
from readmodel.tickets.pages.search_form import DATES, FILTERS, query_from, without_contradictions
from readmodel.tickets.search.history import History, history_of
from readmodel.tickets.search.query import SearchQuery
from readmodel.tickets.search.search import SearchPage, search
from readmodel.tickets.search.suggestions import MAX_TYPED_LENGTH, suggest
from readmodel.tickets.search.upcoming import coming_up

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
        shows = [] if _searches(parameters) else coming_up()
        return {"shows": shows, "statuses": labels.STATUSES, **_found_context(found, parameters)}, HTTPStatus.OK
    except InvalidSearch as error:
        errors = [f"{labels.PARAMETERS.get(name, name)}: {message}" for name, message in error.errors.items()]
        return {"errors": errors}, HTTPStatus.BAD_REQUEST
    except Unprocessable:
        too_large = _("This search is too large for Elasticsearch; use fewer words or filters.")
        return {"errors": [too_large]}, HTTPStatus.BAD_REQUEST
    except UNAVAILABLE as error:
        return {"unavailable": error, "has_no_index": isinstance(error, TargetLost)}, HTTPStatus.SERVICE_UNAVAILABLE


def _searches(parameters: QueryDict) -> bool:
    return any(value for values in parameters.lists() for value in values[1])


def _found_context(found: SearchPage, parameters: QueryDict) -> dict[str, Any]:
    filters = offered_filters(found, parameters)
    return {
        "page": found,
        "filters": filters,
        "cleared": dict.fromkeys([*FILTERS, *DATES, "page"]),
        "dates": chosen_dates(parameters),
        "is_filtered": any(offered.chosen for offered in filters) or bool(chosen_dates(parameters)),
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
def suggestions(request: HttpRequest) -> HttpResponse:
    """Show what continues the typed text, as the options of the search box; none if the search does not answer."""
    typed = request.GET.get("q", "")
    try:
        found = suggest(typed) if len(typed) <= MAX_TYPED_LENGTH else []
    except (*UNAVAILABLE, InvalidSearch, Unprocessable):
        found = []
    return render(request, "readmodel/suggestions.html", {"suggestions": found})


@page
def venues(request: HttpRequest) -> HttpResponse:
    """Show the venues that match the typed words, among the tickets that the other filters let through, as choices."""
    words = {"venue_words": request.GET.get("venue_q", ""), "facets": ["venue"], "page": 1, "page_size": 1}
    try:
        found = search(msgspec.structs.replace(query_from(request.GET), keeps_choices=False, **words))
    except (*UNAVAILABLE, InvalidSearch, Unprocessable):
        return render(request, "readmodel/venues.html")
    return render(
        request, "readmodel/venues.html", {"offered": filter_options_of("venue", found.facets["venue"], QueryDict())}
    )


@page
def ticket_page(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Show a ticket and its timeline; a script that has the page already gets it only if it has changed."""
    try:
        history, is_stale = _newest_history(ticket_id, request.GET.get(WRITTEN, ""))
    except UNAVAILABLE as error:
        return _ticket_unavailable(request, ticket_id, error)
    response = _ticket_answer(request, ticket_id, history)
    if is_stale:
        response["Consistency"] = "stale"  # As over REST; the page asks again.
    return response


def _ticket_answer(request: HttpRequest, ticket_id: UUID, history: History) -> HttpResponse:
    tag = _tag_of(history)
    if _is_part(request) and (unchanged := get_conditional_response(request, etag=tag)):
        return unchanged
    template = "readmodel/history.html" if _is_part(request) else "readmodel/ticket.html"
    context = {
        "history": history,
        "ticket": history.ticket,
        "ticket_id": ticket_id,
        "is_part": _is_part(request),
        "headers": json.dumps({"If-None-Match": tag}),
    }
    is_known = history.ticket or history.events
    return render(request, template, context, status=HTTPStatus.OK if is_known else HTTPStatus.NOT_FOUND)


def _newest_history(ticket_id: UUID, written: str) -> tuple[History, bool]:
    """Return the history, and whether it lacks the write that the consistency token names."""
    if not written:
        return history_of(ticket_id), False
    try:
        return consistent_reads(TicketDocuments).read(read_token(written), partial(history_of, ticket_id)), False
    except InvalidToken:
        return history_of(ticket_id), False
    except StateNotReached:
        return history_of(ticket_id), True


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
