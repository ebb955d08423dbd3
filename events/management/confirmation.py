"""Let whoever sits there say yes before something is changed."""

from django.core.management.base import BaseCommand, CommandError


def confirm(command: BaseCommand) -> None:
    """Ask, and raise CommandError unless the answer is yes."""
    command.stdout.write("Do that? [y/N] ", ending="")
    command.stdout.flush()
    try:
        answer = input()
    except EOFError:
        raise CommandError("nobody is there to answer; --yes does it without asking") from None
    if answer.strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was changed")
