"""A request is answered in one thread; a view that waits holds none."""

import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

from config.web.server.handlers import chosen_by_view

threads: list[int] = []


class Noting(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> None:
        threads.append(threading.get_ident())

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        threads.append(threading.get_ident())
        return response


class NotingToo(Noting):
    pass


@transaction.non_atomic_requests
def view(request: HttpRequest) -> HttpResponse:
    threads.append(threading.get_ident())
    return HttpResponse("answered")


@transaction.non_atomic_requests
async def waiting_view(request: HttpRequest) -> HttpResponse:
    threads.append(threading.get_ident())
    return HttpResponse("answered")


urlpatterns = [path("at-once/", view), path("waiting/", waiting_view)]


@pytest.fixture(autouse=True)
def project(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [f"{__name__}.Noting", f"{__name__}.NotingToo"]
    threads.clear()


def answer(url: str) -> tuple[int, int]:
    """Return the status, and the id of the event loop's thread."""

    async def ask() -> tuple[int, int]:
        application = chosen_by_view(ASGIHandler(), ASGIRequest)
        scope = {
            "type": "http",
            "method": "GET",
            "path": url,
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        client = ApplicationCommunicator(application, scope)
        await client.send_input({"type": "http.request"})
        started = await client.receive_output(timeout=10)
        return started["status"], threading.get_ident()

    return async_to_sync(ask)()


def test_middleware_and_view_run_in_one_thread_beside_the_event_loop() -> None:
    status, loop = answer("/at-once/")

    assert status == 200
    assert len(threads) == 5
    assert len(set(threads)) == 1
    assert loop not in threads


def test_a_view_that_waits_runs_in_the_event_loop() -> None:
    status, loop = answer("/waiting/")

    assert status == 200
    assert threads[2] == loop


def test_an_unknown_address_is_answered() -> None:
    assert answer("/unknown/")[0] == 404
