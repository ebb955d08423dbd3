"""The arguments and help texts of the subcommands of dead_letters, and the letters that the arguments select."""

import getpass
import re
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q, QuerySet
from django.utils import timezone

from events.management.arguments import age, count, number
from events.models import DeadLetter

OPEN, ANY = "open", "any"
HIGHEST_ID = 2**63 - 1
PAGE_LETTERS = 50
FILTERS = ("group", "type", "error", "older_than", "newer_than", "state", "subject")
LIST = """List dead letters, the newest first: the open ones, unless --state says otherwise.

  manage.py dead_letters list --group access --newer-than 12h
  manage.py dead_letters list --by-error
  manage.py dead_letters list --state any --json
"""
SHOW = """Show all that is known of a dead letter: the event, its payload and the edited one, the error with its
traceback, the letters that are queued behind it, and the actions on it.

  manage.py dead_letters show 17
"""
RETRY = """Retry parked events. The owner of the partition does so within a second, in order, with each event upcast
to its current version. Letters that are queued behind them follow by themselves.

  manage.py dead_letters retry 17 18
  manage.py dead_letters retry --group access --error ReadTimeout --yes
"""
EDIT = """Replace the payload of a parked event, for its group only; the log keeps the original. It opens the payload
in $VISUAL or $EDITOR, or takes --data. Subject and aggregate version must stay the same.

  manage.py dead_letters edit 17
  manage.py dead_letters edit 17 --data repaired.json --retry --yes
"""
DISCARD = """Discard events: the group will never handle them. Letters that are queued behind them follow by themselves.

  manage.py dead_letters discard 17 --reason "the gate was told by telephone"
  manage.py dead_letters discard --state parked --older-than 90d --reason "the season is over"
"""


def add_subcommands(parser: ArgumentParser) -> None:
    parsers = parser.add_subparsers(dest="action", required=True, metavar="list|show|retry|edit|discard")

    def add(name: str, description: str) -> ArgumentParser:
        summary = re.split(r"[.:]", description.replace("\n", " "), maxsplit=1)[0]
        formatter = RawDescriptionHelpFormatter
        return parsers.add_parser(name, help=summary, description=description, formatter_class=formatter)

    _add_list(add("list", LIST))
    _add_show(add("show", SHOW))
    _add_retry(add("retry", RETRY))
    _add_edit(add("edit", EDIT))
    _add_discard(add("discard", DISCARD))


def _add_list(parser: ArgumentParser) -> None:
    _add_filters(parser)
    parser.add_argument("--by-error", action="store_true", help="count them by group, event and type of error")
    parser.add_argument("--limit", type=count, default=PAGE_LETTERS, metavar="N", help="at most N (default: 50)")
    parser.add_argument("--before", type=count, metavar="ID", help="only letters older than this one: the next page")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _add_show(parser: ArgumentParser) -> None:
    _add_id(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_retry(parser: ArgumentParser) -> None:
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all parked letters")
    _add_confirmation(parser)


def _add_edit(parser: ArgumentParser) -> None:
    _add_id(parser)
    parser.add_argument("--data", metavar="FILE", help="read the payload from this file; - is standard input")
    parser.add_argument("--retry", action="store_true", help="retry it at once")
    _add_confirmation(parser)


def _add_discard(parser: ArgumentParser) -> None:
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all open letters")
    parser.add_argument(
        "--reason", type=_reason, metavar="TEXT", required=True, help="the reason, for later readers of the letter"
    )
    _add_confirmation(parser)


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", type=_letter_id, metavar="ID", help="the numbers of dead letters")
    parser.add_argument("--group", metavar="NAME", help="letters of this consumer group")
    parser.add_argument("--type", metavar="EVENT", help="letters of this event type, such as ticket.canceled")
    parser.add_argument("--subject", metavar="ID", help="letters of this aggregate")
    parser.add_argument("--error", metavar="TEXT", help="letters whose error has this type, or this in its text")
    parser.add_argument("--older-than", type=age, metavar="AGE", help="parked longer ago than this: 90d, 12h, 30m")
    parser.add_argument("--newer-than", type=age, metavar="AGE", help="parked within this time: 90d, 12h, 30m")
    parser.add_argument(
        "--state",
        choices=[OPEN, *DeadLetter.State.values, ANY],
        help="open is parked, queued or retry (default: the states that the command applies to; any if ids are given)",
    )


def _add_id(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=_letter_id, metavar="ID", help="the number of the dead letter")


def _add_confirmation(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--actor", metavar="NAME", help="who does this (default: the user of the operating system)")


def _letter_id(text: str) -> int:
    if (found := number(text)) > HIGHEST_ID:
        raise ArgumentTypeError(f"{text!r} is not the number of a dead letter")
    return found


def _reason(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("give a reason")
    return text


def has_filter(options: dict[str, Any]) -> bool:
    return bool(options["ids"]) or any(options[name] is not None for name in FILTERS)


def select(options: dict[str, Any], *, default_state: str) -> QuerySet[DeadLetter]:
    """Return the letters that fit all options; raise CommandError for an id that does not exist."""
    letters = DeadLetter.objects.filter(
        _state(options["state"] or (ANY if options["ids"] else default_state)),
        **{name: options[name] for name in ("group", "type", "subject") if options[name] is not None},
    )
    if options["ids"]:
        _expect_existing(options["ids"])
        letters = letters.filter(id__in=options["ids"])
    if options["error"]:
        letters = letters.filter(Q(error_type__iexact=options["error"]) | Q(error__icontains=options["error"]))
    if options["older_than"] is not None:
        letters = letters.filter(parked_at__lt=timezone.now() - options["older_than"])
    if options["newer_than"] is not None:
        letters = letters.filter(parked_at__gte=timezone.now() - options["newer_than"])
    return letters


def find(letter_id: int) -> DeadLetter:
    """Return the letter; raise CommandError."""
    _expect_existing([letter_id])
    return DeadLetter.objects.get(id=letter_id)


def actor(named: str | None) -> str:
    """Return the given name, or the user of the operating system; raise CommandError if neither is known."""
    try:
        return named or getpass.getuser()
    except OSError as error:
        raise CommandError("the operating system has no name for this user; give one with --actor") from error


def _expect_existing(ids: list[int]) -> None:
    found = DeadLetter.objects.filter(id__in=ids).values_list("id", flat=True)
    if missing := sorted(set(ids) - set(found)):
        raise CommandError(f"there is no dead letter {', '.join(map(str, missing))}")


def _state(state: str) -> Q:
    if state == ANY:
        return Q()
    return Q(state__in=DeadLetter.OPEN) if state == OPEN else Q(state=state)
