"""Show what was typed into a form that can't be sent any more, rather than lose it.

Pages are not stored by browsers, so that going back shows an empty form.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from config.web.answers.problems import API

NOT_TYPED = {"csrfmiddlewaretoken", "version", "confirmed", "next", "action", "index", "select_across"}


class SessionEndedMiddleware(MiddlewareMixin):
    """Answer a form that nobody is logged in to send with its text and a link to the log-in."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if _leads_to_log_in(request, response) and typed_into(request):
            ended = _("Your session has ended"), _("Nothing was changed. Log in, and send the form once more.")
            return _page(request, *ended, link=(response["Location"], _("Log in")))
        return response


def too_old(request: HttpRequest) -> HttpResponse | None:
    """Answer a form of a page of ours that was loaded before a log-in; None for others, which may say anything."""
    if request.headers.get("Origin") != f"{request.scheme}://{request.get_host()}" or not typed_into(request):
        return None
    old = _("The form is too old"), _("Nothing was changed. Load the page again, and send the form once more.")
    return _page(request, *old, link=(request.get_full_path(), _("Load the page again")))


def typed_into(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the texts of a form, each after the name of its field, without secrets and what no person has typed."""
    if request.path.startswith(reverse(settings.LOGIN_URL)):
        return []
    return [
        (capfirst(_(name.replace("_", " "))), value)
        for name, values in request.POST.lists()
        for value in values
        if value.strip() and name not in NOT_TYPED and not name.startswith("_") and "password" not in name
    ]


def _leads_to_log_in(request: HttpRequest, response: HttpResponseBase) -> bool:
    if request.method != "POST" or response.status_code != HTTPStatus.FOUND or request.path.startswith(API):
        return False
    pages = {reverse(settings.LOGIN_URL), reverse("admin:login")}
    return not request.user.is_authenticated and urlsplit(response["Location"]).path in pages


def _page(request: HttpRequest, title: str, detail: str, *, link: tuple[str, str]) -> HttpResponse:
    context = {"title": title, "detail": detail, "typed": typed_into(request), "address": link[0], "link": link[1]}
    page = render_to_string("config/typed_text.html", context)
    response = HttpResponse(page, status=HTTPStatus.FORBIDDEN)
    add_never_cache_headers(response)
    return response
