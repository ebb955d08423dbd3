"""Database access for long-lived clients: a few threads serve all of them, and none keeps a thread of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections

THREADS = 4

_executor = ThreadPoolExecutor(THREADS, thread_name_prefix="feed-client")


async def in_thread[**P, T](function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function in one of the threads, and release its connection afterwards."""

    def call() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(call, thread_sensitive=False, executor=_executor)()


def release_thread() -> None:
    """End the thread that Django keeps for the request's synchronous middleware; later middleware gets a new one.

    It would live as long as the request: hundreds of idle threads.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor:
        executor.submit(close_old_connections)
        executor.shutdown(wait=False)
