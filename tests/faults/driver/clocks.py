"""Move the wall clock of single processes, by libfaketime where it is installed. Monotonic clocks go on as they do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBRARIES = Path("/usr/lib")
FAKETIME = "faketime/libfaketimeMT.so.1"
CLOCK = "FAKETIME_TIMESTAMP_FILE"
"""Names the file with the seconds by which the clock is ahead; it is read whenever the clock is."""


def faketime() -> Path | None:
    """Return the library, if it is installed."""
    return next(LIBRARIES.glob(f"*/{FAKETIME}"), None)


@contextmanager
def preloaded(clock: Path) -> Iterator[None]:
    """Let a process that starts meanwhile take the wall clock from the file."""
    added = {"LD_PRELOAD": str(faketime()), CLOCK: str(clock)}
    added |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
