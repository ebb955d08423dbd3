"""Record the events of a streamed body under its request: it is generated after the middleware has returned."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from events.recording.collector import Collector, collecting


def collect_stream(response: HttpResponseBase, collector: Collector) -> None:
    """Make the request's collector the current one while the body is generated, and flush after each chunk.

    A FileResponse is left unchanged: it records nothing, and the web server may send its file in a faster way.
    """
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        chunks: Any = response.streaming_content  # A synchronous or an asynchronous iterator.
        collect = _collect_async if response.is_async else _collect
        response.streaming_content = collect(chunks, collector)


def _collect(chunks: Iterator[bytes], collector: Collector) -> Iterator[bytes]:
    while (chunk := _next(chunks, collector)) is not None:
        yield chunk


def _next(chunks: Iterator[bytes], collector: Collector) -> bytes | None:
    try:
        with collecting(collector):  # Per chunk: in between, the web server uses the thread.
            return next(chunks, None)
    finally:
        collector.close()


async def _collect_async(chunks: AsyncIterator[bytes], collector: Collector) -> AsyncIterator[bytes]:
    while (chunk := await _next_async(chunks, collector)) is not None:
        yield chunk


async def _next_async(chunks: AsyncIterator[bytes], collector: Collector) -> bytes | None:
    try:
        with collecting(collector):
            return await anext(chunks, None)
    finally:
        await close_async(collector)


async def close_async(collector: Collector) -> None:
    """Close the collector in the thread that uses the database, if anything was recorded."""
    if collector.unflushed:
        await sync_to_async(collector.close)()
