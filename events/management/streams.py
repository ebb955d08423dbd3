"""The standard streams of a process: they may be closed, without a reader, or on a disk that is full."""

import os
import select
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

from events.texts.printable import printable

NOBODY_READS = 141
"""The exit code of a program whose reader has gone, such as `head`: 128 and the number of SIGPIPE."""
FAILED = 1


def replace_closed_streams() -> None:
    """Let streams that were closed before the start (`>&-`) lead nowhere; Python has None for them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (as long as the process)


@contextmanager
def output_may_end() -> Iterator[None]:
    """End without a traceback if nobody reads the output any more, or if it can't be written."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        gone = [stream for stream in (sys.stdout, sys.stderr) if _is_without_reader(stream)]
        if not gone:
            raise  # It is another pipe.
        _discard(gone)
        sys.exit(NOBODY_READS)
    except OSError as error:
        if not _is_stuck(sys.stdout):
            raise  # It is another file.
        _discard([sys.stdout])
        sys.stderr.write(f"the output can't be written: {error.strerror}\n")
        sys.exit(FAILED)


def _is_without_reader(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream, 0)
    return bool(poll.poll(0))


def _is_stuck(stream: TextIO) -> bool:
    """Tell whether nothing can be written: what could not be may have left the buffer, so one character is tried."""
    try:
        stream.write("\n")
        stream.flush()
    except OSError:
        return True
    return False


def _discard(streams: Sequence[TextIO]) -> None:
    """Send what is still buffered nowhere; Python would complain when it flushes it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print it as Python does, but printable; Ctrl-C is no error. Python then ends the process by the signal."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.stderr.write(printable("".join(traceback.format_exception(kind, error, trace))))
