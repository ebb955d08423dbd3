"""Run a proxy that adds TLS to a server without it."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from ssl import SSLContext

from config.supervisord.ports import LOOPBACK
from tests.network.in_thread import in_thread

CHUNK_BYTES = 65_536


class TLSProxy(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, upstream_port: int, context: SSLContext) -> None:
        super().__init__((LOOPBACK, 0), _Connection)
        self.upstream_port = upstream_port
        self.context = context


class _Connection(BaseRequestHandler):
    server: TLSProxy

    def handle(self) -> None:
        with (
            suppress(OSError),  # Clients refuse certificates here.
            self.server.context.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection((LOOPBACK, self.server.upstream_port)) as upstream,
        ):
            other = {client: upstream, upstream: client}
            while True:
                ready = [client] if client.pending() else select.select([client, upstream], [], [])[0]
                for source in ready:
                    if not (data := source.recv(CHUNK_BYTES)):
                        return
                    other[source].sendall(data)


@contextmanager
def running_tls_proxy(upstream_port: int, context: SSLContext) -> Iterator[int]:
    """Run the proxy in front of a port on the loopback interface, and yield the proxy's own port."""
    with in_thread(TLSProxy(upstream_port, context)) as proxy:
        yield proxy.server_address[1]
