"""Refuse text that nothing can store before anything reads it: U+0000, and bytes that are not UTF-8."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Field
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.web.answers.error_pages import bad_request
from config.web.answers.problems import API

UNREADABLE = re.compile("[\x00\ud800-\udfff\ufffd]")
"""Django decodes invalid bytes to U+FFFD; in a header, U+0000 can only come from an escape in a cookie."""
EXPLANATION = "This has U+0000, or bytes that are not UTF-8."
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
MAX_NAMED = 10
MAX_NAME_LENGTH = 50


class UnreadableRequest(BadRequest):
    """The request has text that can't be read; `errors` has the parameters or fields."""

    def __init__(self, detail: str, errors: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(detail)
        self.errors = dict(errors or {})


class ReadableTextMiddleware(MiddlewareMixin):
    """Answer 400 to unreadable text in the address, the query, a header, a cookie or a form."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return _answered_unless(_expect_readable_head, request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        """Look at a form here, where Django's check of its token has read it; the API takes no forms."""
        if request.content_type not in FORMS or request.path.startswith(API):
            return None
        model_admin: ModelAdmin[Any] | None = getattr(view, "model_admin", None)
        return _answered_unless(partial(_expect_readable_form, model_admin=model_admin), request)


def _answered_unless(check: Callable[[HttpRequest], None], request: HttpRequest) -> HttpResponse | None:
    try:
        check(request)
    except UnreadableRequest as error:
        return bad_request(request, error)
    return None


def _expect_readable_head(request: HttpRequest) -> None:
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.strip("\"'").lower() not in CHARSETS:
        raise UnreadableRequest("The body's charset must be UTF-8.")
    if UNREADABLE.search(request.path):
        raise UnreadableRequest("The address has U+0000, or bytes that are not UTF-8.")
    _expect_readable("parameters", request.GET.lists())
    _expect_readable("headers", ((name, [value]) for name, value in request.headers.items()))
    _expect_readable("cookies", ((name, [value]) for name, value in request.COOKIES.items()))


def _expect_readable_form(request: HttpRequest, model_admin: "ModelAdmin[Any] | None") -> None:
    _expect_readable("fields", request.POST.lists())
    _expect_readable("files", _names_of_files(request))
    if model_admin is not None:
        _expect_ids(request, model_admin.opts.pk)


def _expect_ids(request: HttpRequest, primary_key: "Field[Any, Any]") -> None:
    """Refuse what an action of the admin has selected if it is no id, which Django would look up all the same."""
    try:
        for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
            primary_key.to_python(selected)
    except ValidationError as error:
        raise UnreadableRequest("A selected row has an id that is none.") from error


def _names_of_files(request: HttpRequest) -> Iterable[tuple[str, list[str]]]:
    return ((field, [file.name or "" for file in files]) for field, files in request.FILES.lists())


def _expect_readable(what: str, given: Iterable[tuple[str, Iterable[str]]]) -> None:
    unreadable = [name for name, texts in given if any(map(UNREADABLE.search, (name, *texts)))]
    if unreadable:
        errors = {UNREADABLE.sub("?", name)[:MAX_NAME_LENGTH]: [EXPLANATION] for name in unreadable[:MAX_NAMED]}
        raise UnreadableRequest(f"Some {what} have U+0000, or bytes that are not UTF-8.", errors)
