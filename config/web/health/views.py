"""Answer liveness and readiness probes. Anybody may ask: what fails is named, and why it fails only to some."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from http import HTTPStatus
from typing import Any

from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from config.web.health.probes import Probe, Reasons, ask, session_of_its_own
from events.exceptions import RetryLater, StreamUnavailable
from events.operations.doctor.database import SERVING_CHECKS
from events.processes.database_errors import describe
from events.processes.throttled_log import ThrottledLog
from events.relay import divergence
from events.stream.interface import open_stream
from readmodel.conf import conf
from readmodel.index.client import open_client, refusals_retried

LIVENESS_PATH = "/healthz"
ALIVE = b"alive"
PATIENCE_SECONDS = 0.9
"""Readiness answers within a second."""
DETAILS_PERMISSION = "readmodel.view_metrics"
NO_DETAILS = f"the reason is in the log, and shown to users with the permission {DETAILS_PERMISSION}"

log = ThrottledLog(logging.getLogger(__name__))


async def answer_liveness(scope: Mapping[str, Any], send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
    """Answer 200 in the event loop, before Django, so that it needs no thread and nothing of the request."""
    headers = [
        (b"content-type", b"text/plain"),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(ALIVE)),
    ]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else ALIVE})


@csrf_exempt
@require_safe
@transaction.non_atomic_requests
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process is alive; under ASGI, `answer_liveness` does."""
    return HttpResponse(ALIVE, content_type="text/plain")


@extend_schema(exclude=True)
class Readiness(APIView):
    """Answer 200 if this process can serve requests, else 503 with the failures; within a second.

    Requests need the database, writable and migrated. What is degraded without the stream or Elasticsearch is named,
    but other processes could not serve it either.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask for nothing in advance: who asks is looked up when the database is known to answer."""

    def get(self, request: Request) -> JsonResponse:
        found = ask(PROBES, patience_seconds=PATIENCE_SECONDS)
        _log(found)
        is_ready = DATABASE.name not in found
        if found and not (is_ready and request.user.has_perm(DETAILS_PERMISSION)):
            found = dict.fromkeys(found, NO_DETAILS)
        failures = {name: reason for name, reason in found.items() if name == DATABASE.name}
        degraded = {name: reason for name, reason in found.items() if name not in failures}
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JsonResponse({"ready": is_ready, "failures": failures, "degraded": degraded}, status=status)


readyz = transaction.non_atomic_requests(Readiness.as_view())


def _log(found: Reasons) -> None:
    for name, reason in found.items():
        log.error(": ".join(("not ready", name, reason)))
    if not found:
        log.recovered()


def _database() -> Reasons:
    with session_of_its_own():
        try:
            for check in SERVING_CHECKS:
                for found in check():
                    if found.is_fault:
                        return {"database": f"{found.found}: {found.remedy} (runbook: {found.page})"}
            diverged = divergence.all_current()
        except DatabaseError as error:
            return {"database": describe(error)}
    reasons = [f"partition {partition}: {how}" for partition, how in diverged.items()]
    return {"stream": "; ".join(reasons)} if reasons else {}


def _stream() -> Reasons:
    try:
        with closing(open_stream(timeout_seconds=PATIENCE_SECONDS)) as stream:
            stream.ping()
    except StreamUnavailable as error:
        return {"stream": str(error)}
    return {}


def _elasticsearch() -> Reasons:
    try:
        with closing(open_client(conf.url)) as client, refusals_retried():
            client.options(request_timeout=PATIENCE_SECONDS).cluster.health()
    except RetryLater as error:
        return {"elasticsearch": str(error)}
    return {}


DATABASE = Probe("database", _database)
PROBES = (DATABASE, Probe("stream", _stream), Probe("elasticsearch", _elasticsearch))
