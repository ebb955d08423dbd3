"""Run the servers of the installation, each behind a proxy that can be told to harm connections.

This loads no Django: the proxies' addresses have to be in the environment first.
"""

import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from config.engines.elasticsearch import Elasticsearch
from config.engines.postgres import DATABASE, ROLE
from tests.network.elasticsearch_proxy import ElasticsearchProxy, running_elasticsearch_proxy
from tests.network.gate import SECRET, Gate, opened_gate
from tests.network.proxy import Proxy, running_proxy
from tests.network.redis_servers import VALKEY, Server
from tests.replicated_database import Node, copy
from tests.waiting import wait_until

RESTART_SECONDS = 0.1
START_SECONDS = 180.0
"""How long Elasticsearch may take to start on a busy machine."""
SETTINGS = (
    "fsync = off",  # Processes are killed, not the machine: what they have written stays.
    "max_connections = 200",
    "max_wal_size = '128MB'",
    "synchronous_standby_names = ''",
    "primary_conninfo = ''",
)


class Database:
    """PostgreSQL. A fail-over makes a replica, kills the primary, and promotes the replica."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generation = 0
        folder.mkdir()
        self.log = (folder / "output.log").open("ab")
        self.node = self._new_node()
        self.proxy: Proxy

    def _new_node(self) -> Node:
        self.generation += 1
        folder = self.folder / f"postgres-{self.generation}"
        folder.mkdir(parents=True)
        node = Node(folder)
        node.log = self.log
        return node

    @property
    def socket(self) -> str:
        return f"{self.node.host}/.s.PGSQL.5432"

    @property
    def url(self) -> str:
        host, _, port = self.proxy.address.partition(":")
        return f"postgresql://{ROLE}@{host}:{port}/{DATABASE}?sslmode=disable&gssencmode=disable"

    def start(self) -> None:
        self._run(self.node)
        statements = [f"ALTER SYSTEM SET {setting}" for setting in SETTINGS]
        self.node.execute(*statements)
        self.kill()
        self._run(self.node)

    def kill(self) -> None:
        self.node.kill()

    def restart(self) -> None:
        self._run(self.node)

    def processes(self) -> list[psutil.Process]:
        server = psutil.Process(self.node.process.pid)
        return [server, *server.children(recursive=True)]

    def make_replica(self) -> Node:
        replica = self._new_node()
        copy(self.node, replica)
        self._run(replica)
        self.node.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        wait_until(lambda: "sync" in self.node.execute("SELECT sync_state FROM pg_stat_replication"))
        return replica

    def fail_over(self, replica: Node) -> None:
        old, self.node = self.node, replica
        old.kill()
        self.proxy.upstream = self.socket
        self.proxy.cut_all()
        # A query that waited for the promotion could keep it waiting: what is still replayed may conflict with it.
        replica.execute("SELECT pg_promote(wait => false)")
        shutil.rmtree(old.engine.folder.parent, ignore_errors=True)

    def _run(self, node: Node) -> None:
        """Start the server; again, if it finds that processes of a killed one still end."""
        node.start()
        until = time.monotonic() + 60
        while not node.engine.is_ready():
            assert time.monotonic() < until
            if node.process.poll() is not None:
                time.sleep(RESTART_SECONDS)  # As supervisord does.
                node.start()
            time.sleep(0.02)


class SearchServer:
    """Elasticsearch."""

    def __init__(self, folder: Path) -> None:
        self.engine = Elasticsearch(folder)
        self.proxy: ElasticsearchProxy
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        account = self.engine.url.rpartition("@")[0]
        return f"{account}@{self.proxy.address}"

    def start(self) -> None:
        command = (sys.executable, "-m", "config.engines.elasticsearch_node", self.engine.folder, str(self.engine.port))
        log = (self.engine.folder / "output.log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()

    def wait_until_ready(self) -> None:
        wait_until(self.engine.is_ready, within_seconds=START_SECONDS)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class Servers:
    """All servers, and the receiver of the webhooks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(folder / "database")
        self.valkey = Server(VALKEY, folder / "valkey")
        self.elasticsearch = SearchServer(folder)
        self.stream_proxy: Proxy
        self.gate: Gate

    @contextmanager
    def running(self) -> Iterator[None]:
        self.elasticsearch.engine.install()
        with ExitStack() as stack:
            self.elasticsearch.start()
            stack.callback(self.elasticsearch.kill)
            self.database.start()
            stack.callback(self.database.kill)
            self.valkey.start()
            stack.callback(self.valkey.stop)
            self.gate = stack.enter_context(opened_gate())
            self.database.proxy = stack.enter_context(running_proxy(self.database.socket))
            self.stream_proxy = stack.enter_context(running_proxy(("127.0.0.1", self.valkey.port)))
            port = self.elasticsearch.engine.port
            self.elasticsearch.proxy = stack.enter_context(running_elasticsearch_proxy(port))
            self.elasticsearch.wait_until_ready()
            yield

    def empty_stream(self) -> None:
        self.valkey.client.flushall()

    def environment(self) -> dict[str, str]:
        return {
            "DATA_DIR": str(self.folder),
            "SECRET_KEY": secrets.token_urlsafe(),
            "HTTPS_ONLY": "false",
            "DATABASE_URL": self.database.url,
            "EVENT_STREAM_URL": f"redis://{self.stream_proxy.address}/tickets",
            "ELASTICSEARCH_URL": self.elasticsearch.url,
            "ACCESS_SYSTEM_URL": self.gate.url,
            "ACCESS_SYSTEM_SECRETS": SECRET,
            "ACCESS_SYSTEM_ALLOW_PRIVATE": "true",
            "API_USER_PER_MINUTE": "1000000",
            "API_ADDRESS_PER_MINUTE": "1000000",
        }
