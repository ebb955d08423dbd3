"""Views that record in every way that Django offers. Each returns the stream's length while the view still runs."""

from asyncio import gather
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.urls import path
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events import unit_of_work
from events.stream.interface import open_stream
from tests.contracts.transactions import change, fail
from tests.nesting import Failed


def stream_length() -> bytes:
    return str(open_stream().length(0)).encode()


def one_unit(_: HttpRequest) -> HttpResponse:
    with unit_of_work():
        change("a")
    return HttpResponse(stream_length())


def in_the_request(_: HttpRequest) -> HttpResponse:
    change("a")
    return HttpResponse(stream_length())


def several_blocks(_: HttpRequest) -> HttpResponse:
    """Commit, roll back, commit; the last unit contains a nested one and a rolled back savepoint."""
    with transaction.atomic():
        change("a")
        with unit_of_work():
            change("b", "c")
    with suppress(Failed), unit_of_work():
        change("never")
        fail()
    with transaction.atomic():
        savepoint = transaction.savepoint_create()
        change("never")
        transaction.savepoint_rollback(savepoint)
        change("d")
    return HttpResponse(stream_length())


@transaction.non_atomic_requests
def durable(_: HttpRequest) -> HttpResponse:
    with transaction.atomic(durable=True):
        change("a")
    return HttpResponse(stream_length())


@transaction.non_atomic_requests
async def asynchronous(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(several_blocks)(request)


@transaction.non_atomic_requests
async def at_once(request: HttpRequest) -> HttpResponse:
    answers = await gather(*(sync_to_async(one_unit_of)(name) for name in "ab"))
    return HttpResponse(b" ".join(answers))


def one_unit_of(name: str) -> bytes:
    with unit_of_work():
        change(name)
    return stream_length()


def streamed(_: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        for name in "ab":
            yield one_unit_of(name) + b" "

    return StreamingHttpResponse(chunks())


@transaction.non_atomic_requests
async def streamed_asynchronously(_: HttpRequest) -> StreamingHttpResponse:
    async def chunks() -> AsyncIterator[bytes]:
        for name in "ab":
            yield await sync_to_async(one_unit_of)(name) + b" "

    return StreamingHttpResponse(chunks())


def broken_off(_: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        yield one_unit_of("a")
        with unit_of_work():
            change("never")
            raise Failed

    return StreamingHttpResponse(chunks())


def refused(_: HttpRequest) -> HttpResponse:
    with unit_of_work():
        change("a")
    return HttpResponseBadRequest()


def failed(_: HttpRequest) -> HttpResponse:
    with unit_of_work():
        change("never")
        raise Failed


def failed_afterwards(_: HttpRequest) -> HttpResponse:
    with unit_of_work():
        change("a")
    raise Failed


def foreign_callback(_: HttpRequest) -> HttpResponse:
    with unit_of_work():
        transaction.on_commit(fail)
        change("a")
    return HttpResponse()


class Invalid(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        with unit_of_work():
            change("never")
            raise ValidationError("it does not fit")


class InvalidAfterwards(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        with unit_of_work():
            change("a")
        raise ValidationError("it does not fit")


def nothing(_: HttpRequest) -> HttpResponse:
    return HttpResponse()


VIEWS = {
    "one_unit": one_unit,
    "in_the_request": in_the_request,
    "several_blocks": several_blocks,
    "durable": durable,
    "asynchronous": asynchronous,
    "at_once": at_once,
    "streamed": streamed,
    "streamed_asynchronously": streamed_asynchronously,
    "broken_off": broken_off,
    "refused": refused,
    "failed": failed,
    "failed_afterwards": failed_afterwards,
    "foreign_callback": foreign_callback,
    "invalid": Invalid.as_view(),
    "invalid_afterwards": InvalidAfterwards.as_view(),
    "nothing": nothing,
}
urlpatterns = [path(f"{name}/", view) for name, view in VIEWS.items()]
