"""The base of all commands: what they print is safe for a terminal, fits its encoding, and may be cut off by `head`."""

import codecs
import re
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, ClassVar, TextIO

import msgspec
from django.core.management import base
from django.core.management.base import CommandParser
from django.core.management.color import no_style

from events.management.streams import NOBODY_READS, output_may_end, print_traceback, replace_closed_streams
from events.management.unavailable import database_is_needed
from events.texts.printable import codes_of, printable

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "it failed, or nobody agreed to what it asked",
    2: "wrong arguments",
    NOBODY_READS: "the reader of the output has ended, as `head` does",
}
"""What the exit codes of every command mean, unless it has other words for it."""
ESCAPED = "events.escaped"
NOT_TEXT = re.compile("[\ud800-\udfff]")
"""Python's stand-ins for bytes of an argument that are not UTF-8."""


class Output(base.OutputWrapper):
    """A command's standard output or error: all text is made printable before it is coloured."""

    def __init__(self, raw: TextIO) -> None:
        super().__init__(raw)
        self.raw = raw
        """The stream behind it, for Console, which makes text printable by itself."""

    def write(self, msg: str = "", style_func: Any = None, ending: str | None = None) -> None:  # type: ignore[override]
        super().write(printable(msg), style_func, ending)


class BaseCommand(base.BaseCommand):
    """A command that prints by self.stdout and self.stderr, or by Console (events/management/console.py)."""

    exit_codes: ClassVar[Mapping[int, str]] = {}
    """What other codes than those of EXIT_CODES mean, or what these mean here; --help and the reference show it."""
    stdout: Output
    stderr: Output

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None, **options: bool) -> None:
        replace_closed_streams()
        super().__init__(stdout, stderr, **options)
        style = self.stderr.style_func
        self.stdout, self.stderr = Output(stdout or sys.stdout), Output(stderr or sys.stderr)
        self.stderr.style_func = style

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        codes = "; ".join(f"{code}: {meaning}" for code, meaning in sorted(({**EXIT_CODES, **self.exit_codes}).items()))
        return super().create_parser(prog_name, subcommand, **{"epilog": f"Exit codes: {codes}.", **kwargs})

    def run_from_argv(self, argv: list[str]) -> None:
        if sys.excepthook is sys.__excepthook__:  # Else the project logs what nobody catches.
            sys.excepthook = print_traceback
        with output_may_end():
            _escape_what_the_encoding_lacks()
            self._called_from_command_line = True  # So that errors end the process.
            self._expect_text(argv)
            super().run_from_argv(argv)

    def _expect_text(self, argv: list[str]) -> None:
        """Refuse arguments that no database and no server can hold; the name of a file may have any bytes."""
        if wrong := [text for text in argv[2:] if NOT_TEXT.search(text) and not Path(text).exists()]:
            self.create_parser(argv[0], argv[1]).error(printable(f"an argument is not UTF-8 text: {wrong[0]}"))

    def execute(self, *args: Any, **options: Any) -> str | None:
        for name in ("stdout", "stderr"):
            if stream := options.pop(name, None):
                setattr(self, name, Output(stream))
        with database_is_needed():
            return super().execute(*args, **options)

    def print_json(self, found: object) -> None:
        """Print a value for programs; the reference says of what it consists."""
        self.stdout.write(msgspec.json.format(msgspec.json.encode(found, enc_hook=str)).decode())

    def check(self, *args: Any, **options: Any) -> None:
        """Run the checks; their messages have no colours, which could not be told from those in a setting."""
        style, self.style = self.style, no_style()
        try:
            super().check(*args, **options)
        finally:
            self.style = style


def _escape_what_the_encoding_lacks() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return codes_of(error.object[error.start : error.end]), error.end


codecs.register_error(ESCAPED, _escaped)
