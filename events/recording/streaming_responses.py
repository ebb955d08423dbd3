"""Let a streamed body belong to its request: it is made while it is sent, when the middleware has long answered."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from events.recording.collector import Collector, collecting


def collect_stream(response: HttpResponseBase, collector: Collector) -> None:
    """Give what the body's iterator records the request's collector; flush after each chunk.

    A FileResponse is left alone: it records nothing, and the web server may send its file by a faster way.
    """
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        chunks: Any = response.streaming_content  # Declared as one of the two, whichever it is.
        collect = _collect_async if response.is_async else _collect
        response.streaming_content = collect(chunks, collector)


def _collect(chunks: Iterator[bytes], collector: Collector) -> Iterator[bytes]:
    while (chunk := _next(chunks, collector)) is not None:
        yield chunk


def _next(chunks: Iterator[bytes], collector: Collector) -> bytes | None:
    try:
        with collecting(collector):  # For each chunk anew: in between, the thread is the web server's.
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
    """Close the collector in the thread that the database is used in; in none if nothing was recorded."""
    if collector.unflushed:
        await sync_to_async(collector.close)()
