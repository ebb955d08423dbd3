"""Answer liveness and readiness probes."""

from contextlib import closing
from http import HTTPStatus

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from events.exceptions import StreamUnavailable
from events.relay import divergence
from events.stream.interface import open_stream

PROBE_TIMEOUT_SECONDS = 1.0


@never_cache
@transaction.non_atomic_requests
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process is alive."""
    return HttpResponse("alive", content_type="text/plain")


@never_cache
@transaction.non_atomic_requests
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 if database and stream answer and the stream has not diverged; else 503 with the reasons."""
    failures = {name: reason for name, reason in (("database", _database()), ("stream", _stream())) if reason}
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
        with closing(open_stream(timeout_seconds=PROBE_TIMEOUT_SECONDS)) as stream:
            stream.ping()
        diverged = divergence.all_current()
    except StreamUnavailable as error:
        return str(error)
    except DatabaseError:
        return ""  # `_database` reports that failure.
    return "; ".join(f"partition {partition}: {how}" for partition, how in diverged.items())
