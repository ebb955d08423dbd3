"""TLS for a server that has none: what clients send is decrypted and passed on."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from ssl import SSLContext

from config.supervisord.ports import LOOPBACK

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
            suppress(OSError),  # Certificates are refused here.
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
    """Run it before the port of a loopback server; yield its own."""
    with TLSProxy(upstream_port, context) as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()
