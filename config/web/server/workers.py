"""The workers of granian, the web server: they come and go without a lost request."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread
from typing import Any

from granian.log import logger
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server import MPServer

from config.web.server import log
from config.web.server.listening import CannotListen, listener

LOAD_SECONDS = 120.0
GRACE_SECONDS = 5.0
"""How long the workers of a killed main process may take for the requests that they have begun."""
POLL_SECONDS = 0.2

type Load = Callable[[], Any]
type Worker = Any
"""A process of granian, which has no types."""


class Loader:
    """Loads the application in a worker, which watches its main process from then on."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._main = os.getpid()
        self.has_loaded: Event = multiprocessing.Event()

    def __call__(self) -> Any:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Until granian handles it, a worker may just end.
        Thread(target=self._end_with_the_main_process, daemon=True).start()
        application = self._load()
        self.has_loaded.set()
        return application

    def _end_with_the_main_process(self) -> None:
        while os.getppid() == self._main:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


class WebServer(MPServer):
    """Granian, whose main process keeps the socket, so that connections wait in it while no worker accepts them."""

    keeper: Path | None = None
    """Where to ask for a socket that outlives this process."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["log_dictconfig"] = options.get("log_dictconfig") or log.configuration()
        super().__init__(*args, **options | {"respawn_failed_workers": True})
        self._loaders: dict[int, Loader] = {}

    def _init_shared_socket(self) -> None:
        """Open the socket here, as granian does on other systems; on Linux it lets each worker open one."""
        if self.bind_uds:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]
            return
        self._ssp = None
        try:
            self._sso = listener(self.bind_addr, self.bind_port, self.backlog, keeper=self.keeper)
        except CannotListen as error:
            sys.exit(f"the web server can't listen on {self.bind_addr}, port {self.bind_port}: {error}")
        self._sso.set_inheritable(True)
        is_unix_socket = False
        self._shd: Any = SocketHolder(self._sso.fileno(), is_unix_socket, self.backlog)  # type: ignore[call-arg]

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Load) -> Worker:  # type: ignore[override]
        self._loaders[idx] = Loader(callback_loader)
        return super()._spawn_worker(idx, target, self._loaders[idx])

    def _spawn_workers(self, spawn_target: Any, target_loader: Load) -> None:
        """Start the first worker alone: the settings that it refuses, all would refuse, each with the same words."""
        first: Worker = self._spawn_worker(0, spawn_target, target_loader)
        first.interrupt_by_parent = True  # Its end is handled here.
        first.start()
        self.wrks.append(first)
        if not self._has_loaded(first):
            if self.interrupt_signal:
                return
            self._end(first)
            sys.exit(max(first.inner.exitcode, 1))
        first.interrupt_by_parent = False
        for number in range(1, self.workers):
            worker = self._spawn_worker(number, spawn_target, target_loader)
            worker.start()
            self.wrks.append(worker)

    def _respawn_workers(self, workers: Any, spawn_target: Any, target_loader: Load, delay: float = 0) -> None:
        """Replace workers that died; granian ends the server if the next one dies within 5.5 s, for whatever reason.

        That is right only for one that can't load the application.
        """
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        for number in workers:
            if self._has_loaded(self.wrks[number]):
                self.respawned_wrks.pop(number, None)

    def _reload(self, spawn_target: Any, target_loader: Load) -> None:
        """Replace the workers; granian would end the old ones after a fixed time, whether the new ones work or not."""
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        self._env_loader(self.env_files)
        for number in range(self.workers):
            new = self._spawn_worker(number, spawn_target, target_loader)
            new.interrupt_by_parent = True  # If it dies before it has loaded, the old one goes on.
            new.start()
            if self._has_loaded(new):
                new.interrupt_by_parent = False
                old, self.wrks[number] = self.wrks[number], new
            else:
                logger.error("A new worker could not load the application; the old one goes on")
                old = new
            self._end(old)

    def _has_loaded(self, worker: Worker) -> bool:
        has_loaded, until = self._loaders[worker.idx].has_loaded, time.monotonic() + LOAD_SECONDS
        while not has_loaded.wait(POLL_SECONDS):
            if not worker.is_alive() or self.interrupt_signal or time.monotonic() > until:
                return False
        return True

    def _end(self, worker: Worker) -> None:
        worker.terminate()
        worker.join(self.workers_kill_timeout)
        if worker.is_alive():
            worker.kill()
            worker.join()
