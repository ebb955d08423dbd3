"""The pages of a person's own account: log in, log out, change the password, set up a second factor."""

import logging
import time
from base64 import b32encode
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model, login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django_otp import login as otp_login

from accounts import security_log
from accounts.attempts import BY_SESSION, Attempt, Counter, account_of
from accounts.devices import remember
from accounts.exceptions import NotTried
from accounts.forms import CodeForm, PasswordChangeForm
from accounts.second_factor import confirm, has_second_factor, prepared, qr_code, remove, verified_device

HALF_WAY = "half_way_logged_in"
"""A key of the session: whose password was right, and when."""
HALF_WAY_SECONDS = 300
BACKEND = "accounts.backend.Backend"
WRONG_CODE = "This code is not right, or was used already. Wait for the next one, and check your device's clock."

type View = Callable[..., HttpResponseBase]


def account_page(view: View) -> View:
    """Make a page without a transaction: in one, a password would be hashed with the session held."""
    return transaction.non_atomic_requests(never_cache(view))


class LogIn(auth_views.LoginView):
    template_name = "accounts/log_in.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Log the user in, or, if there is a second factor, ask for its code first."""
        user = form.get_user()
        if has_second_factor(user):
            self.request.session[HALF_WAY] = {"user": user.pk, "next": self.get_success_url(), "at": time.time()}
            return redirect("log_in_code")
        response = super().form_valid(form)
        remember(self.request, response, account_of(user.get_username()))
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


@account_page
def log_in_code(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of the user whose password was right, and only then log in."""
    half_way = request.session.get(HALF_WAY) or {"at": 0.0}
    if time.time() - half_way["at"] > HALF_WAY_SECONDS:
        return redirect("log_in")
    user = get_object_or_404(get_user_model(), pk=half_way["user"], is_active=True)
    form = CodeForm(request.POST or None)
    if not (form.is_valid() and (device := _checked(form, user))):
        return render(request, "accounts/code.html", {"form": form})
    login(request, user, backend=BACKEND)
    otp_login(request, device)
    request.session.pop(HALF_WAY, None)
    response = HttpResponseRedirect(half_way["next"])
    remember(request, response, account_of(user.get_username()))
    return response


@account_page
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, or turn it off; both need a code."""
    form = CodeForm(request.POST or None)
    if has_second_factor(request.user):
        if form.is_valid() and _checked(form, request.user):
            remove(request.user)
            return redirect("second_factor")
        return render(request, "accounts/second_factor_on.html", {"form": form})
    if form.is_valid() and (codes := _confirmed(form, request)):
        return render(request, "accounts/backup_codes.html", {"codes": codes})
    device = prepared(request.user)
    key = b32encode(device.bin_key).decode()
    return render(request, "accounts/second_factor.html", {"form": form, "image": qr_code(device), "key": key})


def _confirmed(form: CodeForm, request: HttpRequest) -> list[str]:
    device = prepared(request.user)
    codes = confirm(request.user, form.cleaned_data["code"])
    if codes:
        device.confirmed = True
        otp_login(request, device)
    else:
        form.add_error("code", WRONG_CODE)
    return codes


def _checked(form: CodeForm, user: Any) -> Any | None:
    """Return the device that the form's code belongs to, or None and an error in the form. Raise LockedOut."""
    attempt = Attempt(Counter(BY_SESSION, (str(user.pk),)))
    device = verified_device(user, form.cleaned_data["code"])
    if device:
        attempt.was_right()
    else:
        security_log.write("code_refused", level=logging.WARNING, of=user.get_username())
        form.add_error("code", WRONG_CODE)
    return device


def not_tried(request: HttpRequest, error: NotTried) -> HttpResponse:
    """Answer a log-in that was not tried."""
    context = {"error": error, "minutes": -(-error.seconds // 60)}
    response = render(request, "accounts/not_tried.html", context, status=error.status)
    response["Retry-After"] = str(error.seconds)
    return response
