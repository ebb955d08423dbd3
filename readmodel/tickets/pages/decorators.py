"""Rules of every web page: it needs a log-in and a permission, mostly the one to see tickets."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

PERMISSION = "tickets.view_ticket"
RETRY_AFTER_SECONDS = 5
type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponse]


def page[**P](view: View[P], permission: str = PERMISSION) -> View[P]:
    """Turn a view into a page: for those with the permission, read-only, without a transaction, and never cached."""
    guarded = login_required(_refuse_strangers(view, permission))

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            # The log-in must not appear inside the page: reloading the page leads to it.
            return HttpResponseClientRefresh()
        response = guarded(request, *args, **kwargs)
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    return transaction.non_atomic_requests(never_cache(require_safe(answer)))


def _refuse_strangers[**P](view: View[P], permission: str) -> View[P]:
    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.has_perm(permission):
            return render(request, "403.html", {"permission": permission}, status=HTTPStatus.FORBIDDEN)
        return view(request, *args, **kwargs)

    return answer
