"""The arguments and the help of the subcommands of dead_letters."""

import getpass
import re
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q, QuerySet
from django.utils import timezone

from events.management.arguments import age, count
from events.models import DeadLetter

OPEN, ANY = "open", "any"
HIGHEST_ID = 2**63 - 1
FILTERS = ("group", "type", "error", "older_than", "newer_than", "state", "subject")


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", type=_letter_id, metavar="ID", help="the numbers of dead letters")
    parser.add_argument("--group", metavar="NAME", help="those of a consumer group")
    parser.add_argument("--type", metavar="EVENT", help="those of an event, such as ticket.canceled")
    parser.add_argument("--subject", metavar="ID", help="those of an aggregate")
    parser.add_argument("--error", metavar="TEXT", help="the error is of this type, or has this in its text")
    parser.add_argument("--older-than", type=age, metavar="AGE", help="parked before that: 90d, 12h, 30m")
    parser.add_argument("--newer-than", type=age, metavar="AGE", help="parked since then: 90d, 12h, 30m")
    parser.add_argument(
        "--state",
        choices=[OPEN, *DeadLetter.State.values, ANY],
        help="open is parked, queued or retry (default: what the command can be applied to; any where ids are given)",
    )


def _letter_id(text: str) -> int:
    if not (text.isdecimal() and int(text) <= HIGHEST_ID):
        raise ArgumentTypeError(f"{text!r} is no number of a dead letter")
    return int(text)


def has_filter(options: dict[str, Any]) -> bool:
    return bool(options["ids"]) or any(options[name] is not None for name in FILTERS)


def select(options: dict[str, Any], *, default_state: str) -> QuerySet[DeadLetter]:
    """Return the letters that all of the options fit; raise CommandError for an id that there is not."""
    letters = DeadLetter.objects.filter(
        _state(options["state"] or (ANY if options["ids"] else default_state)),
        **{name: options[name] for name in ("group", "type", "subject") if options[name] is not None},
    )
    if options["ids"]:
        _expect(options["ids"])
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
    _expect([letter_id])
    return DeadLetter.objects.get(id=letter_id)


def _expect(ids: list[int]) -> None:
    found = DeadLetter.objects.filter(id__in=ids).values_list("id", flat=True)
    if missing := sorted(set(ids) - set(found)):
        raise CommandError(f"there is no dead letter {', '.join(map(str, missing))}")


def _state(state: str) -> Q:
    if state == ANY:
        return Q()
    return Q(state__in=DeadLetter.OPEN) if state == OPEN else Q(state=state)


PAGE_LETTERS = 50
LIST = """List dead letters, the newest first: those that are open, unless --state says otherwise.

  manage.py dead_letters list --group access --newer-than 12h
  manage.py dead_letters list --by-error
  manage.py dead_letters list --state any --json
"""
SHOW = """Show all that is known of a dead letter: the event, its payload and an edited one, the error with its
traceback, what is queued behind it, and what was done with it.

  manage.py dead_letters show 17
"""
RETRY = """Have parked events tried again. The owner of the partition does so within a second, in order, with each
event lifted to its current version. What is queued behind them follows by itself.

  manage.py dead_letters retry 17 18
  manage.py dead_letters retry --group access --error ReadTimeout --yes
"""
EDIT = """Put another payload in place of a parked event's own. It is for this group alone, the log keeps its own. It
opens the payload in $VISUAL or $EDITOR, or takes --data. Subject and aggregate version must stay what they are.

  manage.py dead_letters edit 17
  manage.py dead_letters edit 17 --data mended.json --retry --yes
"""
DISCARD = """Give up events: the group will never handle them. What is queued behind them follows by itself.

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
    parser.add_argument("--before", type=count, metavar="ID", help="those older than that one: the next page")
    parser.add_argument("--json", action="store_true", help="print each as a JSON object, one a line")


def _add_show(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=_letter_id, metavar="ID", help="the number of the dead letter")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_retry(parser: ArgumentParser) -> None:
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all that are parked")
    _add_who(parser)


def _add_discard(parser: ArgumentParser) -> None:
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all that are open")
    parser.add_argument(
        "--reason", type=_reason, metavar="TEXT", required=True, help="why, for those who look at it later"
    )
    _add_who(parser)


def _add_edit(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=_letter_id, metavar="ID", help="the number of the dead letter")
    parser.add_argument("--data", metavar="FILE", help="take the payload from this file; - is standard input")
    parser.add_argument("--retry", action="store_true", help="have it tried again at once")
    _add_who(parser)


def _add_who(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--actor", metavar="NAME", help="who is doing this (default: the user of the operating system)")


def actor(named: str | None) -> str:
    """Return who does it: the name that was given, or the user of the operating system; raise CommandError."""
    try:
        return named or getpass.getuser()
    except OSError as error:
        raise CommandError("the operating system knows no name for this user; --actor says it") from error


def _reason(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("say why")
    return text
