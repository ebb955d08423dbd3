"""Let a proxy harm connections for the time of a block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.network import proxy
from tests.network.proxy import Proxy

SHORT = (0.1, 0.8)
AT_ONCE = (0.0, 0.0)


@contextmanager
def connections_harmed(harmed: Proxy, harm: proxy.Fault) -> Iterator[None]:
    harmed.fault = harm
    try:
        yield
    finally:
        harmed.fault = proxy.pass_on


def hanging(harmed: Proxy) -> Iterator[None]:
    """Let no answer through until the end."""
    ended = threading.Event()

    def wait(answer: bytes) -> bytes:
        ended.wait()
        return answer

    with connections_harmed(harmed, wait):
        yield
        ended.set()
