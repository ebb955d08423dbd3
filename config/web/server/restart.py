"""Replace the workers of a running web server by new ones, which load the code anew."""

import signal
from collections.abc import Sequence
from itertools import pairwise

import psutil

SERVER = "config.web.server"


class CannotRestart(Exception):
    """The web server was not restarted. The message says why, and what to do about it."""


def restart(port: int, *, within_seconds: float) -> int:
    """Restart the web server on the port without losing a request; return the number of new workers.

    Return when the last request of the old workers has been answered; raise CannotRestart.
    """
    main = _main_process(port)
    old = _workers(main)
    main.send_signal(signal.SIGHUP)
    remaining = psutil.wait_procs(old, timeout=within_seconds)[1]
    if remaining or not main.is_running():
        raise CannotRestart(
            f"{len(remaining)} old workers still run after {within_seconds:g} s: if the new ones can't start, "
            "the log of the web server says why, and the old ones go on"
        )
    return len(_workers(main))


def _main_process(port: int) -> psutil.Process:
    found = [process for process in psutil.process_iter(["cmdline"]) if _serves(process.info["cmdline"] or [], port)]
    ids = {process.pid for process in found}  # Also of the workers, which are forked.
    mains = [process for process in found if process.ppid() not in ids]
    if len(mains) != 1:
        raise CannotRestart(f"{len(mains)} web servers run with --port {port}: name the port of one (--port N)")
    return mains[0]


def _workers(main: psutil.Process) -> list[psutil.Process]:
    """Return the workers; on some systems multiprocessing has a helper beside them."""
    return [child for child in main.children() if "resource_tracker" not in " ".join(child.cmdline())]


def _serves(command: Sequence[str], port: int) -> bool:
    """Tell whether this is the command itself, not one that runs it, such as `uv run`."""
    return command[1:3] == ["-m", SERVER] and ("--port", str(port)) in pairwise(command)
