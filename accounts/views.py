"""The pages of a person's own account: log in, log out, change the password."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache

from accounts.attempts import account_of
from accounts.devices import remember
from accounts.exceptions import NotTried
from accounts.forms import PasswordChangeForm

type View = Callable[..., HttpResponseBase]


def account_page(view: View) -> View:
    """Make a page without a transaction: in one, a password would be hashed with the session held."""
    return transaction.non_atomic_requests(never_cache(view))


class LogIn(auth_views.LoginView):
    template_name = "accounts/log_in.html"

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        remember(self.request, response, account_of(form.cleaned_data["username"]))
        return response


log_in = account_page(LogIn.as_view())
log_out = account_page(auth_views.LogoutView.as_view(next_page="log_in"))
change_password = account_page(
    auth_views.PasswordChangeView.as_view(
        form_class=PasswordChangeForm,
        template_name="accounts/password.html",
        success_url=reverse_lazy("password_changed"),
    )
)


@account_page
@login_required
def password_changed(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_changed.html")


def not_tried(request: HttpRequest, error: NotTried) -> HttpResponse:
    """Answer a log-in that was not tried."""
    context = {"error": error, "minutes": -(-error.seconds // 60)}
    response = render(request, "accounts/not_tried.html", context, status=error.status)
    response["Retry-After"] = str(error.seconds)
    return response
