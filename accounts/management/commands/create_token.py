"""Make a user's token for the REST interface, and print it."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import Token
from accounts.tokens.scopes import SCOPES
from events.management.arguments import age
from events.management.command import BaseCommand
from events.texts.times import in_utc

DEFAULT_NAME = "create_token"


def expiry(text: str) -> datetime:
    """Parse an age from now such as 90d, a date (the end of that day in UTC), or a time with its zone."""
    plain = text if text.isascii() else ""  # Django reads the digits of all scripts.
    try:
        if day := parse_date(plain):
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        if (moment := parse_datetime(plain)) and moment.tzinfo:
            return in_utc(moment)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(f"{text!r} does not exist: {error}") from error
    return timezone.now() + age(text)


class Command(BaseCommand):
    help = "Make a token for the header `Authorization: Bearer ...`, and print it. It can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default=DEFAULT_NAME, help="what uses the token, to tell a user's tokens apart")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=SCOPES,
            help="allow this alone, and other scopes that are given; without one, all that the user may do",
        )
        parser.add_argument("--expires", type=expiry, help="an age (90d, 12h), a date, or a time with its zone")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--rotate", action="store_true", help="revoke the user's other tokens of this name")
        instead.add_argument("--revoke", action="store_true", help="only revoke the user's tokens of this name")

    @transaction.atomic
    def handle(self, *, username: str, name: str, revoke: bool, rotate: bool, **options: Any) -> None:
        user = self._user(username)
        if revoke or rotate:
            count = user.api_tokens.filter(name=name).revoke("create_token")
        if revoke:
            self.stderr.write(f"revoked: {count}")
            return
        self._refuse_inactive(user)
        try:
            token = Token.issue(user=user, name=name, scopes=options["scope"], expires_at=options["expires"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(token.text)
        self.stdout.flush()  # Before the commit: a token that can't be written is not made, and no other one revoked.

    def _user(self, username: str) -> Any:
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(
                f"There is no user {username!r}; create one with `manage.py createsuperuser` or in the admin."
            )
        return user

    def _refuse_inactive(self, user: Any) -> None:
        if not user.is_active:
            raise CommandError(
                f"The user {user.username!r} is not active, so a token would be refused; "
                "activate the user in the admin."
            )
