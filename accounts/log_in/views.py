"""The pages by which a person logs in and out."""

import time
from typing import Any

from django.contrib.auth import get_user_model, login
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django_otp import login as otp_login

from accounts.decorators import account_page
from accounts.exceptions import NotTried
from accounts.second_factor.devices import has_second_factor
from accounts.second_factor.forms import CodeForm
from accounts.throttling.attempts import account_of
from accounts.throttling.known_browsers import remember

HALF_WAY = "half_way_logged_in"
"""A key of the session: whose password was right, and when."""
HALF_WAY_SECONDS = 300
BACKEND = "accounts.backend.Backend"


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


@account_page
def log_in_code(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of the user whose password was right, and only then log in."""
    half_way = request.session.get(HALF_WAY) or {"at": 0.0}
    if time.time() - half_way["at"] > HALF_WAY_SECONDS:
        return redirect("log_in")
    user = get_object_or_404(get_user_model(), pk=half_way["user"], is_active=True)
    form = CodeForm(request.POST or None)
    if not (form.is_valid() and (device := form.device_of(user))):
        return render(request, "accounts/code.html", {"form": form})
    login(request, user, backend=BACKEND)
    otp_login(request, device)
    request.session.pop(HALF_WAY, None)
    response = HttpResponseRedirect(half_way["next"])
    remember(request, response, account_of(user.get_username()))
    return response


def not_tried(request: HttpRequest, error: NotTried) -> HttpResponse:
    """Answer a log-in that was not tried."""
    context = {"error": error, "minutes": -(-error.seconds // 60)}
    response = render(request, "accounts/not_tried.html", context, status=error.status)
    response["Retry-After"] = str(error.seconds)
    return response
