"""The admin's site, which leaves log-in, log-out and passwords to the pages of the service."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse

from accounts.log_in.views import log_out
from accounts.second_factor.devices import has_second_factor


class AdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        """Let staff in; with SECOND_FACTOR_FOR_STAFF, those only who have logged in with one."""
        return super().has_permission(request) and not lacks_second_factor(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Lead to the log-in, or to set up the second factor that is missing."""
        if super().has_permission(request) and lacks_second_factor(request) and not has_second_factor(request.user):
            return redirect("second_factor")
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        return log_out(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        return redirect("change_password")


def lacks_second_factor(request: HttpRequest) -> bool:
    is_verified = getattr(request.user, "is_verified", None)
    return settings.SECOND_FACTOR_FOR_STAFF and not (is_verified and is_verified())
