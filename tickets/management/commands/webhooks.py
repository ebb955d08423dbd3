"""List, add, test and control the receivers of webhooks."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from events.database import atomic
from events.exceptions import EventError
from events.management.arguments import number
from events.management.command import BaseCommand
from events.management.console import Console, Table
from events.texts.numbers import WHOLE
from events.texts.times import in_utc
from tickets.access import control
from tickets.access.trial import send_test
from tickets.models import Delivery, Receiver
from tickets.models.receiver import MESSAGE_TYPES, USUAL_TYPES

SHOWN_DELIVERIES = 20
NOT_TAKEN = "the test message was not taken"


class Command(BaseCommand):
    help = "List, add, test and control the receivers of webhooks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        _with_json(actions.add_parser("list", help="show all receivers, and how far each is"))
        adding = _with_json(actions.add_parser("add", help="add a receiver; its secret is shown this once"))
        adding.add_argument("name")
        adding.add_argument("url", metavar="URL")
        kinds = ", ".join(MESSAGE_TYPES)
        usual = ",".join(USUAL_TYPES)
        adding.add_argument("--types", default=usual, metavar="A,B", help=f"of {kinds} (default: %(default)s)")
        adding.add_argument("--from-start", action="store_true", help="tell it of all that the log has")
        for name, explanation in (
            ("test", "send a test message, and show the answer"),
            ("enable", "let a receiver go on where it was"),
            ("disable", "send a receiver nothing more; it keeps its place for 7 days"),
            ("remove", "delete a receiver, its place and its deliveries"),
            ("deliveries", "show the last messages to a receiver"),
        ):
            _with_receiver(actions.add_parser(name, help=explanation))
        rotating = _with_receiver(actions.add_parser("rotate", help="make a new secret, which is shown this once"))
        rotating.add_argument(
            "--keep-hours",
            type=number,
            default=control.OLD_SECRET_HOURS,
            metavar="N",
            help="how long the former one signs too (default: %(default)s)",
        )
        replaying = _with_receiver(actions.add_parser("replay", help="send messages again"))
        place = replaying.add_mutually_exclusive_group(required=True)
        place.add_argument("--since", type=_time, metavar="TIME", help="of events since this time")
        place.add_argument("--after", type=number, metavar="POSITION", help="of events after this position")
        replaying.add_argument("--partition", type=number, metavar="N", help="of this partition alone")

    def handle(self, *, action: str, **options: Any) -> None:
        self.console = Console(self.stdout)
        act = getattr(self, f"_{action}")
        try:
            act(options) if action in {"list", "add"} else act(_receiver(options["receiver"]), options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except EventError as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> None:
        receivers = list(Receiver.objects.all())
        lags = control.lags(receivers)
        if options["json"]:
            for receiver in receivers:
                self._print_json(**_facts(receiver), lag=lags[receiver.pk])
        elif receivers:
            self.console.print(_table(receivers, lags))
        else:
            self.stdout.write("there is no receiver; add one by manage.py webhooks add NAME URL")

    @atomic()  # A secret that can't be written is not made.
    def _add(self, options: dict[str, Any]) -> None:
        types = [kind.strip() for kind in options["types"].split(",")]
        made = control.add(options["name"], options["url"], types, from_start=options["from_start"])
        self._show_secret(made.receiver, made.secret, options, f"receiver {made.receiver.pk} is added")

    @atomic()
    def _rotate(self, receiver: Receiver, options: dict[str, Any]) -> None:
        secret = control.rotate(receiver, hours=options["keep_hours"])
        done = f"receiver {receiver.pk} has a new secret; the former one signs too for {options['keep_hours']} hours"
        self._show_secret(receiver, secret, options, done)

    def _show_secret(self, receiver: Receiver, secret: str, options: dict[str, Any], done: str) -> None:
        if options["json"]:
            self._print_json(id=receiver.pk, name=receiver.name, secret=secret)
        else:
            self.stdout.write(f"{done}. Its secret, which is not shown again:\n{secret}")
        self.stdout.flush()

    def _test(self, receiver: Receiver, options: dict[str, Any]) -> None:
        answer = send_test(receiver)
        if options["json"]:
            self._print_json(**answer._asdict())
        elif answer.is_taken:
            self.stdout.write(f"{receiver.name} took the test message: {answer.status}, {answer.seconds:.3f} s")
        if not answer.is_taken:
            raise CommandError(f"{NOT_TAKEN}: {answer.error}")

    def _enable(self, receiver: Receiver, options: dict[str, Any]) -> None:
        control.enable(receiver)
        self._say(receiver, options, "is on")

    def _disable(self, receiver: Receiver, options: dict[str, Any]) -> None:
        control.disable(receiver)
        self._say(receiver, options, "is off")

    def _remove(self, receiver: Receiver, options: dict[str, Any]) -> None:
        key = receiver.pk
        control.remove(receiver)
        receiver.pk = key
        self._say(receiver, options, "is removed")

    def _replay(self, receiver: Receiver, options: dict[str, Any]) -> None:
        to = options["after"] if options["since"] is None else options["since"]
        events = control.replay(receiver, to, partition=options["partition"])
        self._say(receiver, options, f"is moved over {events:,} events", events=events)

    def _deliveries(self, receiver: Receiver, options: dict[str, Any]) -> None:
        found = list(Delivery.objects.filter(receiver=receiver)[:SHOWN_DELIVERIES])
        if options["json"]:
            for delivery in found:
                self._print_json(**_delivery_facts(delivery))
            return
        table = Table("at", "message", "ticket", "attempt", "outcome", "status", "s", "error")
        for delivery in found:
            table.add_row(*_delivery_cells(delivery))
        self.console.print(table)

    def _say(self, receiver: Receiver, options: dict[str, Any], done: str, **facts: Any) -> None:
        if options["json"]:
            receiver.refresh_from_db() if receiver.pk and Receiver.objects.filter(pk=receiver.pk).exists() else None
            self._print_json(**_facts(receiver), **facts)
        else:
            self.stdout.write(f"receiver {receiver.pk}, {receiver.name}, {done}")

    def _print_json(self, **facts: Any) -> None:
        self.stdout.write(json.dumps(facts, default=str))


def _with_json(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each object")
    return parser


def _with_receiver(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("receiver", metavar="RECEIVER", help="its id or name")
    return _with_json(parser)


def _receiver(text: str) -> Receiver:
    receiver = Receiver.objects.filter(name=text).first()  # Before the ids: a name may be a number.
    if receiver is None and WHOLE.fullmatch(text):
        receiver = Receiver.objects.filter(pk=int(text)).first()
    if receiver is None:
        raise CommandError(f"there is no receiver {text!r}; see manage.py webhooks list")
    return receiver


def _time(text: str) -> datetime:
    """Parse a time; without an offset it is one in the service's time zone."""
    try:
        time = datetime.fromisoformat(text)
        return in_utc(time if time.tzinfo else timezone.make_aware(time))
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a time such as 2027-05-01T20:00+02:00: {error}") from None


def _facts(receiver: Receiver) -> dict[str, Any]:
    return {
        "id": receiver.pk,
        "name": receiver.name,
        "origin": receiver.origin,
        "types": receiver.types,
        "is_on": receiver.is_on,
        "why_off": receiver.why_off,
        "failing_since": receiver.failing_since,
        "next_attempt_at": receiver.next_attempt_at,
        "error": receiver.error,
    }


def _table(receivers: Sequence[Receiver], lags: dict[int, int]) -> Table:
    table = Table("id", "name", "origin", "state", "lag", "messages", "error")
    for receiver in receivers:
        messages = ", ".join(receiver.types)
        cells = (receiver.name, receiver.origin, receiver.state, f"{lags[receiver.pk]:,}", messages, receiver.error)
        table.add_row(str(receiver.pk), *cells)
    return table


def _delivery_facts(delivery: Delivery) -> dict[str, Any]:
    names = ("at", "type", "event_id", "ticket_id", "attempt", "outcome", "status", "seconds", "error")
    return {name: getattr(delivery, name) for name in names}


def _delivery_cells(delivery: Delivery) -> Iterator[str]:
    yield from (delivery.at.isoformat(" ", "seconds"), delivery.type, str(delivery.ticket_id or ""))
    yield from (str(delivery.attempt), str(delivery.outcome), str(delivery.status or ""), f"{delivery.seconds:.3f}")
    yield delivery.error
