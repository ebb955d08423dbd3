"""Translate Redis's errors to those of the stream."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    ClusterDownError,
    RedisClusterException,
    SlotNotCoveredError,
)

from events.exceptions import GroupLost, StreamError, StreamFull, StreamUnavailable
from events.stream.dsn import OF_A_CLUSTER

# Redis's errors for a missing group, for a stream that is deleted while a reader waits, and for a missing stream.
GROUP_IS_LOST = ("NOGROUP", "UNBLOCKED", "requires the key to exist")
# Redis's words, and what they mean.
NO_CLUSTER = "cluster support disabled"
CERTIFICATE_REFUSED = "CERTIFICATE_VERIFY_FAILED"
OF_NO_CLUSTER = "let EVENT_STREAM_URL begin with redis:// or rediss://"
WITHOUT_MASTER = "start the nodes that are away, or give each slot a master: valkey-cli --cluster check, --cluster fix"
CERTIFICATE = "let ssl[cafile] in EVENT_STREAM_URL name the certificate's authority, and the certificate name the host"
ADDRESS = "set cluster-preferred-endpoint-type to ip on all nodes, or let each announce its name"
NOWHERE = "?"
"""The host of a node that has no name, in Redis's own words."""


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise StreamFull, GroupLost or StreamUnavailable for an error of Redis, of a cluster or of the network."""
    try:
        yield
    except (redis.RedisError, RedisClusterException) as error:
        raise _translated(error) from error


def _translated(error: Exception) -> StreamError:
    reason = _reason(error)
    if isinstance(reason, redis.exceptions.OutOfMemoryError):
        return StreamFull(f"Redis refused: {reason}")
    if isinstance(reason, AskError | ClusterCrossSlotError):  # Also MOVED: its message is a slot and an address.
        return StreamUnavailable("Redis refused: it is a node of a cluster", remedy=OF_A_CLUSTER)
    if isinstance(reason, ClusterDownError | SlotNotCoveredError):
        return StreamUnavailable(f"Redis refused: CLUSTERDOWN {reason}", remedy=WITHOUT_MASTER)
    return _of_response(reason) if isinstance(reason, redis.ResponseError) else _of_network(error, reason)


def _of_response(error: redis.ResponseError) -> StreamError:
    if any(said in str(error) for said in GROUP_IS_LOST):
        return GroupLost()
    is_single = NO_CLUSTER in str(error)
    return StreamUnavailable(f"Redis refused: {error}", remedy=OF_NO_CLUSTER * is_single)


def _of_network(error: Exception, reason: Exception) -> StreamError:
    whose = "" if reason is error else "no node of the cluster can be asked, the last one: "
    said = f"{_node(reason)}{reason}"
    remedy = ADDRESS * (f" {NOWHERE}:" in said) or CERTIFICATE * (CERTIFICATE_REFUSED in said)
    what = "refused" if isinstance(reason, redis.AuthenticationError) else "does not answer"
    return StreamUnavailable(f"Redis {what}: {whose}{said}", remedy=remedy)


def _reason(error: Exception) -> Exception:
    """Return why redis-py could not ask the last node of a cluster, which it hides behind words of its own."""
    while isinstance(error, RedisClusterException) and not isinstance(error, SlotNotCoveredError):
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


def _node(error: Exception) -> str:
    """Return the node of a cluster that has failed, unless the message names it."""
    failed = getattr(error, "connection", None)
    address = f"{getattr(failed, 'host', '')}:{getattr(failed, 'port', '')}"
    return "" if address == ":" or address in str(error) else f"{address}: "
