"""The project's addresses, with views that fail."""

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import path

from config import urls
from config.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500"]

FAILURES = {
    "bad-request": (BadRequest("told"), 400),
    "suspicious": (SuspiciousOperation("secret"), 400),
    "too-big": (RequestDataTooBig("secret"), 413),
    "denied": (PermissionDenied("secret"), 403),
    "not-found": (Http404("secret"), 404),
    "error": (ZeroDivisionError("secret"), 500),
    "database": (OperationalError("secret"), 503),
    "method": (HttpResponseNotAllowed(["POST"]), 405),
}


def fail(request: HttpRequest, name: str) -> HttpResponse:
    failure, _status = FAILURES[name]
    if isinstance(failure, HttpResponse):
        return failure
    raise failure


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [
    path("api/ok", answer),
    path("form/", answer),
    *(path(f"{prefix}{name}", fail, {"name": name}) for prefix in ("api/", "") for name in FAILURES),
    *urls.urlpatterns,
]
