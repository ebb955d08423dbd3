"""Search the tickets from the command line."""

import html
import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from rich.text import Text

from events.exceptions import RetryLater, TargetLost
from events.management.arguments import count, price
from events.management.command import BaseCommand
from events.management.console import Console, Table
from events.texts.printable import printable
from readmodel.exceptions import InvalidSearch
from readmodel.search.highlighting import END_MARK, MARK
from readmodel.tickets.search.query import DEFAULT_PAGE_SIZE, SORTS, STATUSES, SearchQuery
from readmodel.tickets.search.search import Hit, SearchPage, search
from tickets.values.venue_time import at_venue, zone_in_words

NOTHING_FOUND, NOT_SEARCHED = 1, 2
TEXTS = ("code", "title", "venue", "holder_name", "status")


class Command(BaseCommand):
    help = "Search the tickets."
    exit_codes = {1: "no ticket matches", 2: "the search failed, or wrong arguments"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query", help="words in any order, of which the last may be unfinished; '' for all tickets")
        parser.add_argument(
            "--status", action="append", choices=STATUSES, help="only tickets with this status; repeatable"
        )
        parser.add_argument("--venue", action="append", help="only tickets of this venue, spelled exactly; repeatable")
        parser.add_argument(
            "--starts-from", default="", help="only tickets that start on or after this date or instant"
        )
        parser.add_argument("--starts-to", default="", help="only tickets that start on or before this date or instant")
        parser.add_argument(
            "--time-zone", default="", help="the time zone of dates, such as Europe/Berlin (default: each venue's own)"
        )
        parser.add_argument("--price-min", type=price, help="only tickets at this price or more")
        parser.add_argument("--price-max", type=price, help="only tickets at this price or less")
        parser.add_argument("--currency", default="", help="only tickets in this currency, such as EUR")
        parser.add_argument(
            "--sort", choices=SORTS, default="", help="the order; - means descending: --sort=-starts_at"
        )
        parser.add_argument("--page", type=count, default=1)
        parser.add_argument("--page-size", type=count, default=DEFAULT_PAGE_SIZE)
        parser.add_argument("--json", action="store_true", help="print the page as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 (Django's signature)
        page = _find(options)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(page), ensure_ascii=False, indent=2))
        else:
            _show(page, Console(self.stdout))
        if not page.count:
            sys.exit(NOTHING_FOUND)


def _find(options: Mapping[str, Any]) -> SearchPage:
    """Return the page for the options; raise CommandError if the search fails."""
    fields = {name: options[name] for name in SearchQuery.__struct_fields__ if options.get(name) is not None}
    try:
        return search(SearchQuery(**fields | {"q": options["query"]}))
    except (InvalidSearch, RetryLater, TargetLost) as error:
        raise CommandError(str(error), returncode=NOT_SEARCHED) from error


def _as_json(page: SearchPage) -> dict[str, Any]:
    results = [{**hit.document, "highlights": hit.highlights} for hit in page.hits]
    return {"count": page.count, "results": results}


def _show(page: SearchPage, console: Console) -> None:
    if not page.count:
        console.print(f"No ticket matches {page.query.q!r}.", markup=False, soft_wrap=True)
        return
    if page.is_beyond_the_last:
        console.print(
            f"There is no page {page.query.page}: the number of tickets found is {page.count:,}.", highlight=False
        )
        return
    table = Table("code", "title", "venue", "starts", "holder", "status")
    for hit in page.hits:
        code, title, venue, holder, status = (_cell(hit, name) for name in TEXTS)
        table.add_row(code, title, venue, _minute(hit), holder, status)
    console.print(table)
    first = (page.query.page - 1) * page.query.page_size + 1
    console.print(f"{first} to {first + len(page.hits) - 1} of {page.count:,} tickets", highlight=False)


def _cell(hit: Hit, name: str) -> Text:
    """Return the field's text with its matches marked."""
    marked = "".join(hit.highlights.get(name, [])) or html.escape(hit.document[name])
    text = Text()
    for part in re.split(f"({MARK}.*?{END_MARK})", marked):
        style = "bold yellow" if part.startswith(MARK) else ""
        text.append(printable(html.unescape(part.removeprefix(MARK).removesuffix(END_MARK))), style)
    return text


def _minute(hit: Hit) -> str:
    """Return the local time at the venue; documents of earlier releases have no time zone."""
    local = at_venue(datetime.fromisoformat(hit.document["starts_at"]), hit.document.get("time_zone", "UTC"))
    return f"{local:%Y-%m-%d %H:%M} {zone_in_words(local)}"
