"""Run modules with the settings of the running servers; `up` itself was started before there were any."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.environment.refusal import WRONG_SETTINGS
from config.supervisord.errors import CannotStart

PROJECT_ROOT = Path(__file__).parents[2]


@contextmanager
def process(data: Path, module: str, *arguments: str, stdout: int | None) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this project; it is killed when the block ends."""
    with subprocess.Popen(
        (sys.executable, "-m", module, *arguments),
        cwd=PROJECT_ROOT,
        env=os.environ | {"DATA_DIR": str(data)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Only `up` gets Ctrl-C.
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def outcome(running: subprocess.Popen[str]) -> str:
    """Wait for a process and return what it printed; raise CannotStart with its last line of errors if it fails.

    If it refuses the settings, this process ends with the same words and the same exit code.
    """
    output, errors = running.communicate()
    if running.returncode == WRONG_SETTINGS:
        sys.stderr.write(errors)
        sys.exit(WRONG_SETTINGS)
    if running.returncode:
        raise CannotStart(
            errors.strip().rpartition("\n")[2]
            or f"a process of `up` ended with exit code {running.returncode} and no message"
        )
    return output
