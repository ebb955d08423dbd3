"""Search the tickets: query in, page out.

In:   what somebody typed, a status, a page.
Out:  the tickets that match, best first, with what matched marked.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from readmodel.matching import FIELDS, words_clause

MAX_QUERY_LENGTH = 200
DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 100
# Elasticsearch's index.max_result_window.
MAX_HITS = 10_000
STATUSES = ("issued", "checked_in", "canceled")

MARK, END_MARK = "<mark>", "</mark>"

SURROGATES = re.compile("[\ud800-\udfff]")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class InvalidSearch(ValueError):
    """A search that is not made; it names the parameter."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for; raise InvalidSearch if it can't be."""

    q: str = ""
    status: str = ""
    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE

    def __post_init__(self) -> None:
        if len(self.q) > MAX_QUERY_LENGTH:
            raise InvalidSearch("q", f"At most {MAX_QUERY_LENGTH} characters, not {len(self.q)}.")
        if SURROGATES.search(self.q):
            raise InvalidSearch("q", "This is not valid text; it must be UTF-8.")
        if self.status and self.status not in STATUSES:
            raise InvalidSearch("status", f"{self.status!r} is no status; known are {', '.join(STATUSES)}.")
        if not 1 <= self.page_size <= MAX_PAGE_SIZE:
            raise InvalidSearch("page_size", f"From 1 to {MAX_PAGE_SIZE}, not {self.page_size}.")
        if not 1 <= self.page <= self.last_page:
            raise InvalidSearch(
                "page",
                f"From 1 to {self.last_page}, not {self.page}: only the first {MAX_HITS:,} hits can be paged through. "
                "Search for more words, or one status.",
            )

    @property
    def last_page(self) -> int:
        return MAX_HITS // self.page_size

    @property
    def words(self) -> list[str]:
        return CONTROL_CHARACTERS.sub(" ", self.q).split()


class Hit(msgspec.Struct, frozen=True):
    """A ticket that was found; `highlights` are HTML: the text of a field, escaped, with <mark> around what matched."""

    document: Mapping[str, Any]
    highlights: Mapping[str, Sequence[str]]


class Page(msgspec.Struct, frozen=True):
    """Some of the hits of a search; `count` is the number of all, also of those beyond the last page."""

    query: SearchQuery
    count: int
    hits: Sequence[Hit]

    @property
    def next_page(self) -> int | None:
        is_last = self.query.page * self.query.page_size >= self.count or self.query.page == self.query.last_page
        return None if is_last else self.query.page + 1

    @property
    def is_beyond_the_last(self) -> bool:
        return self.query.page > 1 and not self.hits

    @property
    def previous_page(self) -> int | None:
        return self.query.page - 1 if self.query.page > 1 else None


def search(query: SearchQuery) -> Page:
    """Return the page; raise RetryLater if Elasticsearch can't answer, TargetLost if there is no index yet."""
    # Elasticsearch's client takes a second to load, and every command that checks the URLs loads this module.
    from readmodel.index import shared_index  # noqa: PLC0415

    found = shared_index().search(request_for(query))["hits"]
    hits = [Hit(hit["_source"], hit.get("highlight", {})) for hit in found["hits"]]
    return Page(query, found["total"]["value"], hits)


def request_for(query: SearchQuery) -> dict[str, Any]:
    """Return the body of the search request; the order is the same each time, also among equal scores."""
    by_time = [{"starts_at": "asc"}, {"id": "asc"}]
    return {
        "query": {"bool": {"filter": status_clause(query), "must": words_clause(query.words)}},
        "sort": [{"_score": "desc"}, *by_time] if query.words else by_time,
        "from": (query.page - 1) * query.page_size,
        "size": query.page_size,
        "track_total_hits": True,
        "_source": {"excludes": ["folded*"]},
        "highlight": {
            "encoder": "html",
            "pre_tags": [MARK],
            "post_tags": [END_MARK],
            "number_of_fragments": 0,
            "fields": {name: {} for name in FIELDS},
        },
    }


def status_clause(query: SearchQuery) -> list[dict[str, Any]]:
    return [{"term": {"status": query.status}}] if query.status else []
