"""Processes with the settings of the running servers, which `up` itself can't have: it starts before there are any."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.supervisord.errors import CannotStart

PROJECT_ROOT = Path(__file__).parents[2]


@contextmanager
def process(data: Path, module: str, *arguments: str, stdout: int | None) -> Iterator[subprocess.Popen[str]]:
    """Run a module of ours, at the longest until the block ends."""
    with subprocess.Popen(
        (sys.executable, "-m", module, *arguments),
        cwd=PROJECT_ROOT,
        env=os.environ | {"DATA_DIR": str(data)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for `up` alone.
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def outcome(running: subprocess.Popen[str]) -> str:
    """Wait for a process and return what it printed; raise CannotStart with its last line if it fails."""
    output, errors = running.communicate()
    if running.returncode:
        raise CannotStart(errors.strip().rpartition("\n")[2] or f"a process ended with {running.returncode}")
    return output
