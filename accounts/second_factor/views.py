"""The page on which a person sets up the second factor, or turns it off."""

from base64 import b32encode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_otp import login as otp_login

from accounts.decorators import account_page
from accounts.second_factor.devices import confirm, has_second_factor, prepared, qr_code, remove
from accounts.second_factor.forms import WRONG_CODE, CodeForm


@account_page
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, or turn it off; both need a code."""
    form = CodeForm(request.POST or None)
    if has_second_factor(request.user):
        if form.is_valid() and form.device_of(request.user):
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
