"""Translate Redis's errors to those of the stream."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from events.exceptions import GroupLost, StreamFull, StreamUnavailable

# Redis's errors for a missing group, for a stream that is deleted while a reader waits, and for a missing stream.
GROUP_IS_LOST = ("NOGROUP", "UNBLOCKED", "requires the key to exist")


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise StreamFull, GroupLost or StreamUnavailable for an error of Redis, of a cluster or of the network."""
    try:
        yield
    except redis.exceptions.OutOfMemoryError as error:
        raise StreamFull(f"Redis refused: {error}") from error
    except redis.ResponseError as error:
        if any(said in str(error) for said in GROUP_IS_LOST):
            raise GroupLost from error
        raise StreamUnavailable(f"Redis refused: {error}") from error
    except (redis.RedisError, redis.exceptions.RedisClusterException) as error:
        raise StreamUnavailable(f"Redis does not answer: {error}") from error
