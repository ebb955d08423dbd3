"""Create the Redis client: over TCP, TLS or a unix socket, or to the master that sentinels name."""

from collections.abc import Collection, Sequence
from socket import socket
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from events.processes.patience import Outcome, started
from events.stream.dsn import StreamDSN
from events.stream.redis_errors import NOWHERE

ADDRESSES_TRIED = 2
"""A host often has one of IPv6 and one of IPv4."""


def connect(dsn: StreamDSN, *, timeout_seconds: float) -> Any:
    """Create the client, which connects on first use; no time-out of the DSN exceeds `timeout_seconds`.

    It is typed as Any because redis-py's types cover both protocols and both kinds of decoding at once.
    """
    options = _behaviour(dsn, timeout_seconds) | _tls(dsn)
    account = {"db": dsn.dbindex, **_account(dsn.user, dsn.password)}
    pool = _sentinel_pool(dsn, options, account) if dsn.has_sentinels else _pool(dsn, options | account)
    return redis.Redis.from_pool(pool)


def connect_to_cluster(dsn: StreamDSN, *, timeout_seconds: float) -> Any:
    """Create the client of a cluster, which asks its nodes at once where each slot is; raise redis-py's errors.

    It is asked again after each failure, first the nodes of the DSN, since the others may be gone.
    """
    options = _behaviour(dsn, timeout_seconds) | _tls(dsn) | _account(dsn.user, dsn.password)
    (host, port), *others = dsn.hosts
    return _Cluster(
        # Only with a URL does redis-py take a class for the connections.
        url=f"redis://[{host}]:{port}" if ":" in host else f"redis://{host}:{port}",
        startup_nodes=[ClusterNode(*address) for address in others],  # type: ignore[no-untyped-call]
        dynamic_startup_nodes=False,
        require_full_coverage=False,  # A slot that no master has keeps no other partition waiting.
        address_remap=_only_there,
        connection_class=_TLS if dsn.is_encrypted else _TCP,
        **options,
    )


def _only_there(address: tuple[str | None, int]) -> tuple[str, int]:
    """Ask nobody in place of a node that does not say where it is: redis-py would look for it on this machine."""
    host, port = address
    return host or NOWHERE, port


def _pool(dsn: StreamDSN, options: dict[str, Any]) -> ConnectionPool:
    if dsn.socket:
        return ConnectionPool(connection_class=_Socket, path=dsn.socket, **options)
    [address] = dsn.hosts
    return _tcp_pool(dsn, address, options)


def _tcp_pool(dsn: StreamDSN, address: tuple[str, int], options: dict[str, Any]) -> ConnectionPool:
    host, port = address
    return ConnectionPool(connection_class=_TLS if dsn.is_encrypted else _TCP, host=host, port=port, **options)


def _sentinel_pool(dsn: StreamDSN, options: dict[str, Any], account: dict[str, Any]) -> ConnectionPool:
    at_sentinels = options | _account(dsn.sentinel_user, dsn.sentinel_password)
    sentinels = _Sentinels([_tcp_pool(dsn, address, at_sentinels) for address in dsn.hosts])
    kind = _MasterTLS if dsn.is_encrypted else _MasterTCP
    return _MasterPool(  # type: ignore[no-untyped-call]
        dsn.sentinel_master, sentinels, connection_class=kind, **options, **account
    )


def _behaviour(dsn: StreamDSN, timeout_seconds: float) -> dict[str, Any]:
    return {
        "decode_responses": True,
        "encoding_errors": "replace",  # A foreign entry may be anything.
        "protocol": 2,
        "driver_info": None,  # Sending it takes two round trips, for which the first request would wait.
        "socket_connect_timeout": min(dsn.timeout, timeout_seconds),
        "socket_timeout": min(dsn.read_timeout, timeout_seconds),
        "health_check_interval": 15,
        "retry": Retry(NoBackoff(), 0),  # The caller decides about a retry: it knows what is idempotent.
    }


def _account(user: str, password: str) -> dict[str, Any]:
    return {"username": user or None, "password": password} if user or password else {}


def _tls(dsn: StreamDSN) -> dict[str, Any]:
    if not dsn.is_encrypted:
        return {}
    return {
        # redis-py takes an idle connection with unread data for broken, and a server may send TLS tickets after the
        # handshake. Setting the client's name makes redis-py read them.
        "client_name": "events",
        "ssl_cert_reqs": "required" if dsn.verify_peer else "none",
        "ssl_check_hostname": dsn.verify_peer and dsn.verify_peer_name,
        "ssl_ca_certs": dsn.cafile or None,
        "ssl_certfile": dsn.local_cert or None,
        "ssl_keyfile": dsn.local_pk or None,
        "ssl_password": dsn.passphrase,  # Even if empty: without one, OpenSSL would ask at the terminal.
    }


class _Cluster(RedisCluster):
    """Knows by itself which argument is the key: redis-py asks a node for that, also when the node is gone for good."""

    silent: Collection[str] = ()
    """The names of nodes that are not asked: they did not answer before."""

    def command(self, **_: Any) -> dict[str, Any]:
        """Describe no command: redis-py would ask a node for all of them."""
        return {}

    def _get_command_keys(self, *args: Any) -> list[Any]:
        return [args[-2] if args[0] in {"XREAD", "XREADGROUP"} else args[1]]  # Each has one key.

    def _execute_command(self, target_node: Any, *args: Any, **options: Any) -> Any:
        if target_node.name in self.silent:
            raise redis.TimeoutError(f"{target_node.name} did not answer before")
        return super()._execute_command(target_node, *args, **options)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connections to all nodes; redis-py leaves those of its pools open."""
        manager = self.nodes_manager
        for node in (*manager.nodes_cache.values(), *manager.startup_nodes.values()):
            if node.redis_connection:
                node.redis_connection.connection_pool.disconnect()


class _ReconnectingConnection(AbstractConnection):
    """Reconnects after each error reply, since the server may have been demoted from master to replica.

    A demoted server has many error replies (READONLY, MASTERDOWN, a script's own), and its answers to reads are stale.
    The next connection is to the server that the sentinels, or the host's name, name by then.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except redis.ResponseError:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise


class _BoundedConnection(_ReconnectingConnection, Connection):
    """Connects in a thread, and waits for it as long as two of the host's addresses may take.

    The time-out of a connection does not hold for the resolution of the host's name.
    """

    def _connect(self) -> Any:
        connecting = started(super()._connect, name="redis-connect")
        try:
            return connecting.result(timeout=ADDRESSES_TRIED * (self.socket_connect_timeout or 0))
        except TimeoutError:
            connecting.add_done_callback(_close_late)
            raise


def _close_late(connecting: Outcome[socket]) -> None:
    if not connecting.exception():
        connecting.result().close()


class _Socket(_ReconnectingConnection, UnixDomainSocketConnection):
    pass


class _TCP(_BoundedConnection, Connection):
    pass


class _TLS(_BoundedConnection, SSLConnection):
    pass


class _MasterTCP(_BoundedConnection, SentinelManagedConnection):
    pass


class _MasterTLS(_BoundedConnection, SentinelManagedSSLConnection):
    pass


class _Sentinels(Sentinel):
    def __init__(self, pools: Sequence[ConnectionPool]) -> None:
        super().__init__([])  # type: ignore[no-untyped-call]
        self.sentinels = [redis.Redis.from_pool(pool) for pool in pools]

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Ask the sentinels in turn, first the one that knew the master last; on failure, report each one's reason."""
        reasons = []
        for sentinel in self.sentinels:
            try:
                masters: Any = sentinel.sentinel_masters()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                reasons.append(str(error))
                continue
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]
                self.sentinels = [sentinel, *(other for other in self.sentinels if other is not sentinel)]
                return state["ip"], state["port"]
            reasons.append("its master is down" if state else "it watches no such master")
        raise MasterNotFoundError(f"no sentinel names the master {service_name!r}: {'; '.join(reasons)}")


class _MasterPool(SentinelConnectionPool):
    def close(self) -> None:
        super().close()
        self.sentinel_manager.close()
