"""Dialogs at the terminal: ask a question, or open a text in the editor."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.management.base import CommandError

from events.texts.printable import printable


def agrees(question: str, *, otherwise: str) -> bool:
    """Ask a question; only y or yes is a yes. Raise CommandError, with the alternative, if nobody can answer."""
    sys.stdout.flush()
    try:
        answer = input(printable(f"{question} [y/N] "))
    except EOFError:
        raise CommandError(f"nobody can answer this question here; {otherwise}") from None
    return answer.strip().lower() in {"y", "yes"}


def confirm() -> None:
    """Ask before a change; raise CommandError unless the answer is yes."""
    if not agrees("Do that?", otherwise="use --yes to do it without a question"):
        raise CommandError("nothing was changed")


def edit_text(text: str, *, name: str) -> str:
    """Open the text as a file in $VISUAL or $EDITOR, and return the edited text."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise CommandError("neither VISUAL nor EDITOR names an editor; set one, or give a file with --data")
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CommandError(f"the editor failed, so nothing was changed: {error}") from error
        return file.read_text(encoding="utf-8")
