"""Run Django's checks; what they say of a setting is safe for a terminal."""

from django.core.management.commands import check

from events.management.command import BaseCommand


class Command(BaseCommand, check.Command):
    """Django's command with our output."""

    exit_codes = {1: "a check found an error"}
