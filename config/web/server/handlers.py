"""Answer a request in one thread of its own; only views that wait, such as the feed, are driven by the event loop.

Django's middleware changes threads and back for each of its classes where the event loop drives it: some 14 times a
request, which was half of the processor time of a short answer.
"""

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from config.web.asgi_types import Application, Receive, Scope, Send


class OneThreadHandler(ASGIHandler):
    """Runs middleware and view one after the other in the request's thread."""

    def __init__(self) -> None:
        super(ASGIHandler, self).__init__()  # ASGIHandler's own loads the middleware for the event loop.
        self.load_middleware()

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response)(request)


def chosen_by_view(waiting: ASGIHandler, request_class: type) -> Application:
    """Let `waiting` answer where the view is a coroutine, which holds no thread, and one thread everything else."""
    at_once = OneThreadHandler()
    waiting.request_class = at_once.request_class = request_class

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await (waiting if _waits(scope) else at_once)(scope, receive, send)

    return handle


def _waits(scope: Scope) -> bool:
    try:
        return iscoroutinefunction(resolve(scope["path"]).func)
    except Resolver404:
        return False
