"""The base of all commands: what they print is safe for a terminal, fits its encoding, and may be cut off by `head`."""

import codecs
import os
import select
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from types import TracebackType
from typing import Any, ClassVar, TextIO

import msgspec
from django.core.management import base
from django.core.management.base import CommandParser
from django.core.management.color import no_style

from events.management.unavailable import database_is_needed
from events.texts.printable import codes_of, printable

NOBODY_READS = 141
"""The exit code of a program whose reader has gone, such as `head`: 128 and the number of SIGPIPE."""
EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "it failed, or nobody agreed to what it asked",
    2: "wrong arguments",
    NOBODY_READS: "the reader of the output has ended, as `head` does",
}
"""What the exit codes of every command mean, unless it has other words for it."""
ESCAPED = "events.escaped"


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
        super().__init__(stdout, stderr, **options)
        style = self.stderr.style_func
        self.stdout, self.stderr = Output(stdout or sys.stdout), Output(stderr or sys.stderr)
        self.stderr.style_func = style

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        codes = "; ".join(f"{code}: {meaning}" for code, meaning in sorted(({**EXIT_CODES, **self.exit_codes}).items()))
        return super().create_parser(prog_name, subcommand, **{"epilog": f"Exit codes: {codes}.", **kwargs})

    def run_from_argv(self, argv: list[str]) -> None:
        if sys.excepthook is sys.__excepthook__:  # Else the project logs what nobody catches.
            sys.excepthook = _print_traceback
        with _reader_may_go():
            _escape_what_the_encoding_lacks()
            super().run_from_argv(argv)

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


@contextmanager
def _reader_may_go() -> Iterator[None]:
    """End without a traceback if nobody reads the output any more."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        gone = [stream for stream in (sys.stdout, sys.stderr) if _is_without_reader(stream)]
        if not gone:
            raise  # It is another pipe.
        _discard_output(gone)
        sys.exit(NOBODY_READS)


def _is_without_reader(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream, 0)
    return bool(poll.poll(0))


def _discard_output(streams: Sequence[TextIO]) -> None:
    """Send what is still buffered nowhere; Python would complain when it flushes it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(printable("".join(traceback.format_exception(kind, error, trace))))
