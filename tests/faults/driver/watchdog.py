"""Kill all processes of an installation as soon as its driver has ended, even by SIGKILL.

Run as `python -m tests.faults.driver.watchdog FOLDER`; the driver holds the other end of the standard input.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Yield the processes that were started with this DATA_DIR, or work in it, except this one."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and _belongs_to(process, folder):
                yield process


def _belongs_to(process: psutil.Process, folder: Path) -> bool:
    if process.environ().get("DATA_DIR") == str(folder):
        return True
    return Path(process.cwd()).is_relative_to(folder)  # Valkey overwrites its environment by its title.


def kill_all(folder: Path) -> None:
    for process in list(processes_of(folder)):
        with suppress(psutil.Error):
            process.kill()


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Let no process of the installation outlive the block, or this process."""
    command = (sys.executable, "-m", __name__, str(folder))
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watchdog:
        yield
        assert watchdog.stdin
        watchdog.stdin.close()  # It kills what is left, and ends.


if __name__ == "__main__":
    sys.stdin.read()
    kill_all(Path(sys.argv[1]))
