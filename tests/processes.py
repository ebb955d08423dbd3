"""Run the project's processes on the tests' servers and database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of the tests, with the test's database and alias."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    ours = {"DATABASE_URL": database.geturl(), "READMODEL_ALIAS": settings.READMODEL_ALIAS}
    return os.environ | ours | variables


def start(*command: str, **variables: str) -> subprocess.Popen[str]:
    """Start a Python module or script with arguments; the caller must end it."""
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment(**variables), text=True)


@contextmanager
def running(*command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python module or script until the block ends, then kill it."""
    process = start(*command, **variables)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Process(Protocol):
    """A process of subprocess or psutil."""

    def send_signal(self, sig: int, /) -> None: ...


@contextmanager
def suspended(processes: Sequence[Process]) -> Iterator[None]:
    """Stop the processes until the block ends."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGCONT)
