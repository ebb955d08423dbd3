"""The page on which a person sets up the second factor, or turns it off."""

import time
from base64 import b32encode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_otp import login as otp_login

from accounts.decorators import account_page
from accounts.passwords.forms import PasswordForm
from accounts.second_factor.devices import confirm, has_second_factor, prepared, qr_code, remove
from accounts.second_factor.forms import WRONG_CODE, CodeForm

CONFIRMED = "password_confirmed_at"
"""A key of the session: when the password was asked for once more, and was right."""
CONFIRMED_SECONDS = 300


@account_page
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, which needs the password and a code, or turn it off, which needs a code."""
    if has_second_factor(request.user):
        return _turn_off(request)
    if time.time() - request.session.get(CONFIRMED, 0.0) > CONFIRMED_SECONDS:
        return _confirm_password(request)
    return _set_up(request)


def _confirm_password(request: HttpRequest) -> HttpResponse:
    """Ask for the password, before a session shows the key of the app: who has stolen it could use the key later."""
    form = PasswordForm(request.user, request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/confirm_password.html", {"form": form})
    request.session[CONFIRMED] = time.time()
    return redirect("second_factor")


def _set_up(request: HttpRequest) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if form.is_valid() and (codes := _confirmed(form, request)):
        return render(request, "accounts/backup_codes.html", {"codes": codes})
    device = prepared(request.user)
    key = b32encode(device.bin_key).decode()
    return render(request, "accounts/second_factor.html", {"form": form, "image": qr_code(device), "key": key})


def _turn_off(request: HttpRequest) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if form.is_valid() and form.device_of(request.user):
        remove(request.user)
        return redirect("second_factor")
    return render(request, "accounts/second_factor_on.html", {"form": form})


def _confirmed(form: CodeForm, request: HttpRequest) -> list[str]:
    device = prepared(request.user)
    codes = confirm(request.user, form.cleaned_data["code"])
    if codes:
        device.confirmed = True
        otp_login(request, device)
    else:
        form.add_error("code", WRONG_CODE)
    return codes
