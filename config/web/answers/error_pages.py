"""Answer errors that no REST view has answered: as a problem under /api/, as a page elsewhere.

The handlers are Django's (handler400 and so on, in config/urls.py). The middleware answers what reaches no view, and
what a view refuses without a word.
"""

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, ImproperlyConfigured, RequestDataTooBig
from django.db import DataError, Error
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views import defaults

from config.web.answers.problems import API, respond
from config.web.answers.typed_text import too_old
from events.processes.database_errors import describe
from events.transient import is_transient
from tickets.api.problem_details import problem

logger = logging.getLogger(__name__)

type Text = str | Promise

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
MAX_URL_LENGTH = 32_000
"""The longest that an address has is a cursor of the feed. config/nginx takes 32 KiB."""
RETRY_AFTER_SECONDS = 5

UNREADABLE = _("The request can't be read, or is too large.")
UNSTORABLE = _("The database can't hold a value of the request. Nothing was changed.")
CSRF = _("The form is too old, or of another site. Go back, load the page again, and send it once more.")
SERVER_ERROR = _("The request failed because of an error in the server; its log has the details.")
UNAVAILABLE = _("The database or another server does not answer now. Try again in a moment.")
DETAILS = {
    HTTPStatus.FORBIDDEN: _("Request forbidden -- authorization will not help."),
    HTTPStatus.NOT_FOUND: _("Nothing matches the given URI."),
    HTTPStatus.METHOD_NOT_ALLOWED: _("This address can't be asked in this way."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("The request is larger than the service accepts."),
    HTTPStatus.REQUEST_URI_TOO_LONG: _("This address is too long."),
}
TITLES = {
    HTTPStatus.BAD_REQUEST: _("Bad request"),
    HTTPStatus.FORBIDDEN: _("Not allowed"),
    HTTPStatus.NOT_FOUND: _("Not found"),
    HTTPStatus.METHOD_NOT_ALLOWED: _("Not possible here"),
    HTTPStatus.REQUEST_TIMEOUT: _("The request took too long"),
    HTTPStatus.CONFLICT: _("Something has changed"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("The request is too large"),
    HTTPStatus.REQUEST_URI_TOO_LONG: _("The address is too long"),
    HTTPStatus.TOO_MANY_REQUESTS: _("Too many requests"),
    HTTPStatus.INTERNAL_SERVER_ERROR: _("Server error"),
    HTTPStatus.SERVICE_UNAVAILABLE: _("Not available now"),
}


class ErrorPagesMiddleware(MiddlewareMixin):
    """Refuse what no view should see, and give each error that has no text one."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.method not in METHODS:
            response = _answer(request, HTTPStatus.METHOD_NOT_ALLOWED)
            response["Allow"] = ", ".join(METHODS)
            return response
        if not request.path.startswith("/"):  # A redirect to HTTPS would append it to the host's name.
            return _answer(request, HTTPStatus.BAD_REQUEST, UNREADABLE)
        if len(request.get_full_path()) > MAX_URL_LENGTH:
            return _answer(request, HTTPStatus.REQUEST_URI_TOO_LONG)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ImproperlyConfigured) or not is_transient(error):
            return None
        reason = describe(error) if isinstance(error, Error) else str(error)
        logger.error("%s %s failed: %s", request.method, request.path, reason)
        response = _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_silent = isinstance(response, HttpResponse) and not response.content
        if response.status_code < HTTPStatus.BAD_REQUEST or not is_silent:
            return response
        answer = _answer(request, HTTPStatus(response.status_code))
        answer.cookies = response.cookies
        for name, value in response.items():
            if name != "Content-Length":
                answer.headers.setdefault(name, value)
        return answer


class UnstorableValueMiddleware(MiddlewareMixin):
    """Answer 400 if the database refused a value that no check of ours has refused, and log where that was."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, DataError | OverflowError):  # OverflowError: SQLite's integers have 64 bits.
            logger.error("a request's value reached the database, which refused it", exc_info=error)
            return _answer(request, HTTPStatus.BAD_REQUEST, UNSTORABLE)
        return None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, BadRequest):  # The others may name settings.
        errors = getattr(exception, "errors", None)
        return _answer(request, HTTPStatus.BAD_REQUEST, str(exception), **({"errors": errors} if errors else {}))
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return _answer(request, HTTPStatus.BAD_REQUEST, UNREADABLE)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_of_api(request):
        return _answer(request, HTTPStatus.FORBIDDEN, "You do not have permission to perform this action.")
    return defaults.permission_denied(request, exception)


def csrf_failure(request: HttpRequest, **_: str) -> HttpResponse:
    """Answer a form without a valid token (CSRF_FAILURE_VIEW); Django logs the reason."""
    return too_old(request) or _answer(request, HTTPStatus.FORBIDDEN, CSRF)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_of_api(request):
        detail = f"There is nothing at {request.path}; /api/docs/ lists the addresses."
        return _answer(request, HTTPStatus.NOT_FOUND, detail)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, SERVER_ERROR)


def _is_of_api(request: HttpRequest) -> bool:
    return request.path.startswith(API)


def _answer(request: HttpRequest, status: HTTPStatus, detail: Text = "", **members: Any) -> HttpResponse:
    """Answer without a look at the user, the session or the database, which may be what fails."""
    detail = str(detail or DETAILS.get(status, f"{status.description}."))
    if _is_of_api(request):
        return respond(problem(status, detail, **members))
    return HttpResponse(error_page(status, detail), status=status)


def error_page(status: HTTPStatus, detail: str) -> str:
    return render_to_string("config/error.html", {"title": TITLES.get(status, status.phrase), "detail": detail})
