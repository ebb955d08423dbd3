"""Send HTTP requests over connections of our own; no proxy takes part, which would resolve the name itself.

httpx can be given no network, so its own transport can't be used. httpcore, on which httpx is built, takes one.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
from django.conf import settings

from tickets.webhooks.network import CheckedNetwork, httpcore

KEPT_IDLE_SECONDS = 5.0
TIMEOUTS = httpcore.TimeoutException
FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.UnsupportedProtocol)


class DirectTransport(httpx.AsyncBaseTransport):
    """HTTP to addresses that were checked; raises httpx's errors."""

    def __init__(self, *, connections: int, certificates: ssl.SSLContext) -> None:
        self._connections = httpcore.AsyncConnectionPool(
            ssl_context=certificates,
            max_connections=connections,
            keepalive_expiry=KEPT_IDLE_SECONDS,
            network_backend=CheckedNetwork(allow_private=settings.ACCESS_SYSTEM_ALLOW_PRIVATE),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        sent = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        with _as_errors_of_httpx():
            answer = await self._connections.handle_async_request(sent)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    async def aclose(self) -> None:
        await self._connections.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_errors_of_httpx():
            async for part in self._answer.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._answer.aclose()


@contextmanager
def _as_errors_of_httpx() -> Iterator[None]:
    """Translate the errors, of which httpx has the same kinds."""
    try:
        yield
    except TIMEOUTS as error:
        raise httpx.TimeoutException(f"{type(error).__name__}: {error}") from error
    except FAILURES as error:
        raise httpx.TransportError(f"{type(error).__name__}: {error}") from error
