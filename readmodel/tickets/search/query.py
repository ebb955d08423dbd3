"""The query of a search, and its limits."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from readmodel.exceptions import InvalidSearch
from readmodel.search.folding import fold
from readmodel.search.time_bounds import TIME_ZONES, end_of, start_of
from readmodel.search.words import Word, words_in
from readmodel.tickets.documents import composed

MAX_QUERY_LENGTH = 200
MAX_WORDS = 20
MAX_VENUES = 10
MAX_VENUE_LENGTH = 200
MAX_PRICE = Decimal("99999999.999")
DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 100
# Elasticsearch's index.max_result_window.
MAX_HITS = 10_000

STATUSES = ("issued", "checked_in", "canceled")
FACETS = ("status", "venue", "month", "price", "currency")
RELEVANCE = "relevance"
SORTS = (RELEVANCE, "starts_at", "-starts_at", "price", "-price", "created_at", "-created_at")
HIGHLIGHTS = "highlights"
MEMBERS = (
    "id",
    "code",
    "title",
    "venue",
    "starts_at",
    "time_zone",
    "seat",
    "holder_name",
    "holder_email",
    "price",
    "currency",
    "status",
    "replaces",
    "version",
    "created_at",
    "updated_at",
    "replaced_by",
    HIGHLIGHTS,
)

UNKNOWN = {
    "status": gettext_lazy("%(value)r is not a status; use %(known)s."),
    "fields": gettext_lazy("%(value)r is not a member of a ticket; use %(known)s."),
    "facets": gettext_lazy("%(value)r is not a facet; use %(known)s."),
    "sort": gettext_lazy("%(value)r is not an order; use %(known)s."),
}
SURROGATES = re.compile("[\ud800-\udfff]")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CURRENCY = re.compile("[A-Z]{3}")


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a search, where an empty one counts as absent; raise InvalidSearch if some are invalid."""

    q: str = ""
    status: Sequence[str] = []
    venue: Sequence[str] = []
    starts_from: str = ""
    """A date, or an instant with its zone, in ISO 8601."""
    starts_to: str = ""
    """Likewise; the whole day, or the instant itself, is included."""
    time_zone: str = ""
    """The time zone of days and months; each venue's own if it is empty."""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    currency: str = ""
    sort: str = ""
    fields: Sequence[str] = []
    facets: Sequence[str] = []
    venue_words: str = ""
    """Only tickets whose venue has these words, the last of which may be unfinished."""
    keeps_choices: bool = False
    """Also count the values that pass no filter, so that a page can keep its choices in place."""
    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE

    def __post_init__(self) -> None:
        checks = (text_errors, _choice_errors, _venue_errors, _time_errors, _price_errors, _page_errors)
        if errors := {parameter: message for check in checks for parameter, message in check(self)}:
            raise InvalidSearch(errors)

    @property
    def venues(self) -> list[str]:
        """The chosen venues as the documents spell them."""
        return list(dict.fromkeys(map(composed, self.venue)))

    @property
    def typed(self) -> str:
        return CONTROL_CHARACTERS.sub(" ", self.q).strip()

    @property
    def words(self) -> list[Word]:
        return words_in(self.typed)

    @property
    def words_of_venue(self) -> list[Word]:
        return words_in(CONTROL_CHARACTERS.sub(" ", self.venue_words))

    @property
    def order(self) -> str:
        """The order of the hits; without words all are equally relevant, so they are sorted by start."""
        if self.sort in {"", RELEVANCE}:
            return RELEVANCE if self.words else "starts_at"
        return self.sort

    @property
    def last_page(self) -> int:
        return MAX_HITS // self.page_size

    @property
    def wants_highlights(self) -> bool:
        return not self.fields or HIGHLIGHTS in self.fields


type Errors = Iterator[tuple[str, str]]


def text_errors(query: SearchQuery, max_length: int = MAX_QUERY_LENGTH) -> Errors:
    # Some characters fold to many: the longer text counts.
    length = max(len(query.q), len(fold(query.q[:max_length])))
    if length > max_length:
        yield "q", _("At most %(most)s characters, not %(number)s.") % {"most": max_length, "number": length}
    elif SURROGATES.search(query.q):
        yield "q", _("This is not valid text; it must be UTF-8.")
    elif max(len(query.words), len(query.words_of_venue)) > MAX_WORDS:
        yield "q", _("At most %(most)s words, not %(number)s.") % {"most": MAX_WORDS, "number": len(query.words)}


def _choice_errors(query: SearchQuery) -> Errors:
    choices: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
        "status": (query.status, STATUSES),
        "fields": (query.fields, MEMBERS),
        "facets": (query.facets, FACETS),
        "sort": ([query.sort] if query.sort else [], SORTS),
    }
    for parameter, (chosen, known) in choices.items():
        if unknown := [name for name in chosen if name not in known]:
            yield parameter, str(UNKNOWN[parameter]) % {"value": unknown[0][:50], "known": ", ".join(known)}
        elif len(chosen) > len(known):
            yield parameter, _too_many(len(known), len(chosen))


def _too_many(most: int, given: int) -> str:
    return _("At most %(most)s values, not %(number)s.") % {"most": most, "number": given}


def _venue_errors(query: SearchQuery) -> Errors:
    if len(query.venue) > MAX_VENUES:
        yield "venue", _too_many(MAX_VENUES, len(query.venue))
    elif any(len(venue) > MAX_VENUE_LENGTH for venue in query.venue):
        yield "venue", _("At most %(most)s characters each.") % {"most": MAX_VENUE_LENGTH}
    elif any(SURROGATES.search(venue) for venue in query.venue):
        yield "venue", _("This is not valid text; it must be UTF-8.")


def _time_errors(query: SearchQuery) -> Errors:
    if query.time_zone and query.time_zone not in TIME_ZONES:
        yield (
            "time_zone",
            _("%(value)r is not a time zone such as Europe/Berlin or UTC.") % {"value": query.time_zone[:50]},
        )
        return
    ends = {}
    for parameter, bound in (("starts_from", start_of), ("starts_to", end_of)):
        if text := getattr(query, parameter):
            try:
                ends[parameter] = bound(text, query.time_zone or "UTC")
            except ValueError as error:
                yield parameter, str(error)
    if {"starts_from", "starts_to"} == ends.keys() and ends["starts_to"].is_before(ends["starts_from"]):
        yield "starts_to", _("This is before starts_from.")


def _price_errors(query: SearchQuery) -> Errors:
    prices = {"price_min": query.price_min, "price_max": query.price_max}
    given = {parameter: price for parameter, price in prices.items() if price is not None}
    unfit = [name for name, price in given.items() if not (price.is_finite() and 0 <= price <= MAX_PRICE)]
    for parameter in unfit:
        yield parameter, _("Must be from 0 to %(most)s.") % {"most": f"{MAX_PRICE:,}"}
    if given.keys() == prices.keys() and not unfit and given["price_min"] > given["price_max"]:
        yield "price_max", _("This is less than price_min.")
    if query.currency and not CURRENCY.fullmatch(query.currency):
        yield "currency", _("Must be three capital letters such as EUR.")
    elif given and not query.currency:
        yield "currency", _("Give the currency of the prices, such as EUR: prices compare within one currency.")


def _page_errors(query: SearchQuery) -> Errors:
    if not 1 <= query.page_size <= MAX_PAGE_SIZE:
        yield (
            "page_size",
            _("Must be from 1 to %(last)s, not %(number)s.") % {"last": MAX_PAGE_SIZE, "number": query.page_size},
        )
    elif not 1 <= query.page <= query.last_page:
        yield (
            "page",
            _(
                "Must be from 1 to %(last)s, not %(number)s: only the first %(hits)s hits have numbered pages. Follow "
                "a cursor, or narrow the search."
            )
            % {"last": query.last_page, "number": query.page, "hits": f"{MAX_HITS:,}"},
        )
