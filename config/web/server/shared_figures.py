"""Make the folder in which the workers share what they count for Prometheus; config/metrics/shared.py reads it."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "tickets-metrics-"
LOCK = "owner"
YOUNG_SECONDS = 60.0


@contextmanager
def shared_figures() -> Iterator[None]:
    """Let the workers that this process starts share a new folder, unless the environment names one.

    Nobody else can read it. It is deleted at the end; one of a server that was killed, by the next that starts.
    """
    if os.environ.get(VARIABLE):
        yield
        return
    _delete_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # The workers inherit it.
        os.environ[VARIABLE] = str(folder)
        try:
            yield
        finally:
            os.environ.pop(VARIABLE, None)
            shutil.rmtree(folder, ignore_errors=True)


def _delete_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if _is_abandoned(folder):
                shutil.rmtree(folder)


def _is_abandoned(folder: Path) -> bool:
    """Tell whether no web server has the folder; raise OSError if it has, or if the folder is another user's."""
    with (folder / LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A server that starts now has made the folder, and not locked it yet.
        return time.time() - folder.stat().st_mtime > YOUNG_SECONDS
