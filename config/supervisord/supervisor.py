"""Start supervisord on a data folder, and control the programs that it runs over XML-RPC."""

import fcntl
import os
import secrets
import stat
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from config.supervisord.errors import CannotStart
from config.supervisord.ports import LOOPBACK, free_port, listens
from config.supervisord.private import OTHERS, UMASK, make_private

CONFIGURATION = Path(__file__).with_name("supervisord.conf")
PASSWORD_VARIABLE = "SUPERVISOR_PASSWORD"  # noqa: S105 - a name
START_SECONDS = 120.0
STOP_SECONDS = 30.0
SUPERVISOR_POLL_SECONDS = 0.1
UNDER_WAY = {"STARTING", "RUNNING"}


class Supervisor:
    """The supervisord of one data folder."""

    def __init__(self, url: str, logs: Path) -> None:
        self.url = url
        self.logs = logs
        self._proxy = xmlrpc.client.ServerProxy(url)
        self.remote: Any = self._proxy.supervisor

    def close(self) -> None:
        self._proxy("close")()

    def answers(self) -> bool:
        try:
            return bool(self.remote.getState()["statename"] == "RUNNING")
        except OSError:
            return False

    def start(self, program: str) -> None:
        """Start a program (`group:name`), or all of a group (`group:*`), without waiting for it; raise CannotStart."""
        wait = False
        try:
            self.remote.startProcess(program, wait)
        except xmlrpc.client.Fault as fault:
            raise CannotStart(f"supervisord can't start {program}: {fault.faultString}") from fault

    def listens(self, program: str, port: int) -> bool:
        """Return whether the program has the port; send no password before."""
        return listens(self.process_id(program), port)

    def process_id(self, program: str) -> int:
        return int(self.remote.getProcessInfo(program)["pid"])

    def wait_until(self, is_ready: Callable[[], bool], program: str) -> None:
        """Wait until a started program is ready; raise CannotStart with the last line of its log if it ends instead."""
        name = program.rpartition(":")[2]
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if self.remote.getProcessInfo(program)["statename"] not in UNDER_WAY:
                raise CannotStart(_last_words(self.logs, name))
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{name} runs, but has not become ready within {START_SECONDS:.0f} s: "
                    f"this machine may be too busy (its log: {self.logs / name}.log)"
                )
            time.sleep(SUPERVISOR_POLL_SECONDS)


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """Own a data folder, and stop what an earlier owner left running; raise CannotStart if another process owns it."""
    _refuse_folder_of_others(data)
    make_private(data)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"another process runs the servers on {data}: stop it, or use another folder (--data DIR)"
            ) from None
        _stop_leftovers(data)
        try:
            yield
        finally:
            _stop_leftovers(data)  # If supervisord was killed, its programs still run.


def _refuse_folder_of_others(data: Path) -> None:
    """Raise CannotStart for a folder that others use too, such as /tmp: it must not become private."""
    if not data.exists():
        return
    mode = data.stat().st_mode
    is_ours = (data / "lock").exists() or not any(data.iterdir())
    if mode & stat.S_ISVTX or (mode & OTHERS and not is_ours):
        raise CannotStart(
            f"{data} has files that are not of `up`, and other users may read it: "
            "use an empty folder (--data DIR), or make it private first (chmod 700)"
        )


def is_owned(data: Path) -> bool:
    """Return whether a living process owns the folder."""
    try:
        with (data / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def supervised(data: Path, *, programs: Sequence[str], variables: Mapping[str, str]) -> Iterator[Supervisor]:
    """Run supervisord on a data folder that this process owns; raise CannotStart.

    `programs` names configuration files beside this module, `variables` are what these use. No program starts by
    itself, and all are stopped at the end of the block.
    """
    logs = data / "log"
    make_private(logs)
    port, password = free_port(), secrets.token_urlsafe()
    environment = {
        **os.environ,
        **variables,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "DATA_DIR": str(data),
        "LOG_DIR": str(logs).replace("%", "%%"),  # supervisord expands the names of the programs' logs twice.
        "PROGRAMS": " ".join(f"{program}.conf" for program in programs),
        "SUPERVISOR_PORT": str(port),
        PASSWORD_VARIABLE: password,
    }
    command = (sys.executable, "-m", "supervisor.supervisord", "--configuration", str(CONFIGURATION))
    with (logs / "supervisord.err").open("wb") as errors:
        # In a session of its own it gets no Ctrl-C; its owner does, and stops it in order.
        process = subprocess.Popen(
            command, env=environment, stdout=errors, stderr=errors, start_new_session=True, umask=UMASK
        )
    supervisor = Supervisor(f"http://up:{password}@{LOOPBACK}:{port}", logs)
    try:
        _wait_for_supervisord(process, port, supervisor)
        yield supervisor
    finally:
        supervisor.close()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _wait_for_supervisord(process: subprocess.Popen[bytes], port: int, supervisor: Supervisor) -> None:
    while not (listens(process.pid, port) and supervisor.answers()):
        if process.poll() is not None:
            raise CannotStart((supervisor.logs / "supervisord.err").read_text())
        time.sleep(SUPERVISOR_POLL_SECONDS)


def _last_words(logs: Path, program: str) -> str:
    log = logs / f"{program}.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"{program} does not start: {lines[-1] if lines else 'its log is empty'} (the whole log: {log})"


def _stop_leftovers(data: Path) -> None:
    """Stop the programs of an owner that was killed."""
    while found := _leftovers(data):
        # A supervisord stops its own programs in order; programs whose supervisord is gone have no parent here.
        roots = [process for process in found if process.ppid() not in {other.pid for other in found}]
        for process in roots:
            process.terminate()
        for process in psutil.wait_procs(roots, timeout=STOP_SECONDS)[1]:
            process.kill()


def _leftovers(data: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _was_started_for(data, process)]


def _was_started_for(data: Path, process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        environment = process.environ()
        return environment.get("DATA_DIR") == str(data) and PASSWORD_VARIABLE in environment
    return False
