"""Ask whoever sits at the terminal: a question, or for a text in their editor."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.management.base import CommandError


def agrees(question: str, *, otherwise: str) -> bool:
    """Ask; anything but y or yes is no. Raise CommandError, with the other way to say it, if nobody is there."""
    sys.stdout.flush()
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        raise CommandError(f"nobody is there to answer; {otherwise}") from None
    return answer.strip().lower() in {"y", "yes"}


def confirm() -> None:
    """Ask before something is changed; raise CommandError unless the answer is yes."""
    if not agrees("Do that?", otherwise="--yes does it without asking"):
        raise CommandError("nothing was changed")


def edit_text(text: str, *, name: str) -> str:
    """Open the text, as a file of that name, in $VISUAL or $EDITOR, and return what it is then."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise CommandError("neither VISUAL nor EDITOR names an editor; --data takes a file")
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CommandError(f"the editor failed, nothing was changed: {error}") from error
        return file.read_text(encoding="utf-8")
