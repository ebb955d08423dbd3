"""For whoever watches the process: does it live, and can it do its work?"""

from contextlib import closing
from http import HTTPStatus

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from events.exceptions import StreamUnavailable
from events.relay import divergence
from events.stream.interface import open_stream

STREAM_TIMEOUT_SECONDS = 1.0


@never_cache
@transaction.non_atomic_requests
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return HttpResponse("alive", content_type="text/plain")


@never_cache
@transaction.non_atomic_requests
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 if the database answers, and the stream too and as this log's own; else 503 with what is wrong."""
    failures = {name: said for name, said in (("database", _database()), ("stream", _stream())) if said}
    status = HTTPStatus.SERVICE_UNAVAILABLE if failures else HTTPStatus.OK
    return JsonResponse({"ready": not failures, "failures": failures}, status=status)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return str(error)
    return ""


def _stream() -> str:
    try:
        with closing(open_stream(timeout_seconds=STREAM_TIMEOUT_SECONDS)) as stream:
            stream.ping()
        found = divergence.all_current()
    except StreamUnavailable as error:
        return str(error)
    except DatabaseError:
        return ""  # That is another failure, told by its own name.
    return "; ".join(f"partition {partition}: {how}" for partition, how in found.items())
