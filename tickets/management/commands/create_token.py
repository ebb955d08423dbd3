"""Print a user's token for the REST interface."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from rest_framework.authtoken.models import Token

from events.management.command import BaseCommand


class Command(BaseCommand):
    help = "Print a user's token for the header `Authorization: Token ...`; create the token if the user has none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--rotate", action="store_true", help="replace the token; the old one stops working at once"
        )

    @transaction.atomic
    def handle(self, *, username: str, rotate: bool, **_: Any) -> None:
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(
                f"There is no user {username!r}; create one with `manage.py createsuperuser` or in the admin."
            )
        if not user.is_active:
            raise CommandError(
                f"The user {username!r} is not active, so a token would be refused; activate the user in the admin."
            )
        if rotate:
            Token.objects.filter(user=user).delete()
        token, _created = Token.objects.get_or_create(user=user)
        self.stdout.write(token.key)
