"""The URLs of a person's own account."""

from django.urls import path

from accounts.log_in.views import log_in, log_in_code, log_out
from accounts.passwords.views import change_password, password_changed
from accounts.second_factor.views import second_factor
from accounts.tokens import openapi  # noqa: F401 (it registers itself; commands, which have no URLs, start without the library)

urlpatterns = [
    path("log-in/", log_in, name="log_in"),
    path("log-in/code/", log_in_code, name="log_in_code"),
    path("log-out/", log_out, name="log_out"),
    path("password/", change_password, name="change_password"),
    path("password/changed/", password_changed, name="password_changed"),
    path("second-factor/", second_factor, name="second_factor"),
]
