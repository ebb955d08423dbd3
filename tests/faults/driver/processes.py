"""Start, kill, stop and restart the processes of the installation; start those again that were killed.

A process that ends by itself, without a signal of the driver's, is a finding: no fault of a server may end one.
"""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, RLock, Thread

import psutil

from tests.faults.driver import roles, steps
from tests.faults.driver.clocks import preloaded

KEEPER_SECONDS = 0.02
ENDING = {signal.SIGKILL, signal.SIGTERM}


class Program:
    """One process of a role, again and again."""

    def __init__(self, name: str, role: str, folder: Path, *arguments: str) -> None:
        self.name = name
        self.role = role
        self.place = folder / name
        self.arguments = arguments
        self.clock = self.place.with_suffix(".clock")
        self.clock.write_text("+0")
        self.memory = steps.shared(self.place.with_suffix(".steps"))
        self.is_wanted = False
        self.process: BaseProcess | None = None
        self.endings: list[str] = []
        """How it ended when nobody had sent it a signal."""
        self._signals: set[int] = set()
        self._lock = RLock()

    @property
    def pid(self) -> int:
        assert self.process
        assert self.process.pid
        return self.process.pid

    @property
    def log(self) -> str:
        file = self.place.with_suffix(".log")
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self, *, with_clock: bool = False) -> None:
        """Start the process unless it runs; one whose clock can be moved is not forked, and takes seconds."""
        with self._lock:
            if self.process and self.process.is_alive():
                return  # Another fault has started it again.
            self._signals.clear()
            self.memory[steps.READY] = 0
            context = multiprocessing.get_context("spawn" if with_clock else "forkserver")
            process = context.Process(target=roles.play, args=(self.role, self.place, *self.arguments), name=self.name)
            with preloaded(self.clock) if with_clock else nullcontext():
                process.start()
            self.process, self.is_wanted = process, True

    @property
    def is_ready(self) -> bool:
        """Whether the process has loaded the project."""
        return bool(self.memory[steps.READY])

    def hold(self) -> None:
        """Kill the process, and keep it down until it is started."""
        with self._lock:
            self.is_wanted = False
            self.send(signal.SIGKILL)
            if self.process:
                self.process.join()

    def continue_all(self) -> None:
        """Let the process, and those that it has started, go on if they were stopped."""
        with self._lock, suppress(ProcessLookupError):
            if self.process:
                os.killpg(self.pid, signal.SIGCONT)

    def send(self, signum: int) -> None:
        """Send a signal to the process, and to those that it has started."""
        with self._lock:
            self._signals.add(signum)
            try:
                os.killpg(self.pid, signum)
            except ProcessLookupError:
                self._send_to_new(signum)

    def _send_to_new(self, signum: int) -> None:
        """Send a signal to a process that has just been forked, and does not lead a group yet."""
        if self.process and self.process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def send_to_main(self, signum: int) -> None:
        """Send a signal to the process alone, not to those that it has started."""
        with self._lock:
            self._signals.add(signum)
            os.kill(self.pid, signum)

    def send_to_workers(self, signum: int) -> None:
        """Send a signal to the workers of a web server alone."""
        with suppress(psutil.NoSuchProcess):
            for worker in psutil.Process(self.pid).children():
                worker.send_signal(signum)

    @property
    def has_ended(self) -> bool:
        """Whether it is a rebuild that has ended; other processes start again, also those that are held for a while."""
        if self.role != "rebuild" or self.process is None:
            return False
        return not self.is_wanted and not self.process.is_alive()

    def arm(self, number: int, signum: int) -> None:
        """Let the process send itself the signal at this step."""
        self.memory[steps.STRUCK] = 0
        self.memory[steps.SIGNAL] = signum
        self.memory[steps.ARMED] = number + 1

    def disarm(self) -> None:
        self.memory[steps.ARMED] = 0

    @property
    def has_struck(self) -> bool:
        """Whether the signal was sent at the armed step."""
        return bool(self.memory[steps.STRUCK])

    def end(self) -> None:
        """Kill the process, and start it no more."""
        with self._lock:
            self.is_wanted = False
            if self.process:
                self.send(signal.SIGKILL)
                self.process.join()
                self.process = None

    def look(self) -> None:
        """Start the process again if it has ended; note an end that nobody asked for."""
        with self._lock:
            if not self.is_wanted or self.process is None or self.process.is_alive():
                return
            if self.role == "rebuild":  # It ends by itself, and by a CommandError if a server is away.
                self.is_wanted = False
                return
            if not self._signals & ENDING and self.process.exitcode != -signal.SIGKILL:
                self.endings.append(f"{self.name} ended by itself with {self.process.exitcode}")
            self.start()

    def take_endings(self) -> list[str]:
        found, self.endings = self.endings, []
        return found


class Keeper:
    """Looks after all programs in a thread, as supervisord does."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self.programs = programs
        self._ended = Event()
        self._thread = Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for program in self.programs:
            program.end()

    def _run(self) -> None:
        while not self._ended.is_set():
            for program in self.programs:
                program.look()
            self._ended.wait(KEEPER_SECONDS)


def warm_up() -> None:
    """Start the process from which the others are forked; it takes over this process's environment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([roles.__name__])
    first = context.Process(target=os.getpid)
    first.start()
    first.join()
    assert first.exitcode == 0
