"""Which dead letters a command means: by number, or by what they have in common."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q, QuerySet
from django.utils import timezone

from events.management.arguments import age
from events.models import DeadLetter

OPEN, ANY = "open", "any"
HIGHEST_ID = 2**63 - 1
FILTERS = ("group", "type", "error", "older_than", "newer_than", "state", "subject")


def add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", type=letter_id, metavar="ID", help="the numbers of dead letters")
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


def letter_id(text: str) -> int:
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
