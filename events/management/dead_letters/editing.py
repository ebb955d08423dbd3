"""The dialog in which an operator edits a dead letter's payload."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.text import Text

from events.dead_letters.actions import edit, expect_editable
from events.dead_letters.payload_edits import EditRefused, accept, draft
from events.envelope import Envelope
from events.management.console import Console
from events.management.dead_letters.display import print_difference
from events.management.dialog import agrees, edit_text
from events.models import DeadLetter
from events.texts.printable import printable

NOTHING_CHANGED = "nothing was changed"


def edit_letter(console: Console, letter: DeadLetter, *, actor: str, options: dict[str, Any]) -> str:
    """Read the new payload, show the changes and ask; return what was done. Raise CommandError."""
    try:
        envelope = expect_editable(letter)
        data = _read(options["data"]) if options["data"] else _edit_until_it_fits(console, letter, envelope)
        edited = accept(envelope, data)
        if edited.data == envelope.data:
            return NOTHING_CHANGED
        print_difference(console, envelope.data, edited.data)
        if not (
            options["yes"] or agrees("Have this handled instead of the event's own payload?", otherwise="use --yes")
        ):
            raise CommandError(NOTHING_CHANGED)
        retry = options["retry"] or (not options["yes"] and agrees("Retry it now?", otherwise="use --retry"))
        edit(letter, data, actor=actor, retry=retry)
    except EditRefused as error:
        raise CommandError(f"{NOTHING_CHANGED}: {error}") from error
    return "edited, and marked to be retried" if retry else f"edited; run `dead_letters retry {letter.id}` to retry it"


def _edit_until_it_fits(console: Console, letter: DeadLetter, envelope: Envelope) -> str:
    text = draft(envelope)
    while True:
        text = edit_text(text, name=f"dead-letter-{letter.id}.json")
        try:
            accept(envelope, text)
        except EditRefused as error:
            for place, problem in error.problems.items():
                console.print(Text(printable(f"{place}: {problem}"), "red"))
            if not agrees("Edit it again?", otherwise=NOTHING_CHANGED):
                raise
        else:
            return text


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        text.encode()  # What is not UTF-8 on the standard input becomes half characters.
    except (OSError, UnicodeError) as error:
        raise CommandError(f"can't read the payload: {error}") from error
    return text
