"""The arguments and the help of the subcommands of dead_letters."""

import getpass
import re
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter

from django.core.management.base import CommandError

from events.management.arguments import count
from events.management.dead_letter_filters import add_filters, letter_id

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
    add_filters(parser)
    parser.add_argument("--by-error", action="store_true", help="count them by group, event and type of error")
    parser.add_argument("--limit", type=count, default=PAGE_LETTERS, metavar="N", help="at most N (default: 50)")
    parser.add_argument("--before", type=count, metavar="ID", help="those older than that one: the next page")
    parser.add_argument("--json", action="store_true", help="print each as a JSON object, one a line")


def _add_show(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=letter_id, metavar="ID", help="the number of the dead letter")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_retry(parser: ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all that are parked")
    _add_who(parser)


def _add_discard(parser: ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all that are open")
    parser.add_argument(
        "--reason", type=_reason, metavar="TEXT", required=True, help="why, for those who look at it later"
    )
    _add_who(parser)


def _add_edit(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=letter_id, metavar="ID", help="the number of the dead letter")
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
