"""Log in and change a password without holding a database session while the password is hashed, a slow computation."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from events.processes.pooled_sessions import release_sessions


class PasswordHasher(PBKDF2PasswordHasher):
    """Django's first hasher, which returns the session to the pool before it hashes."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        release_sessions()
        return super().encode(password, salt, iterations)


@transaction.non_atomic_requests
def log_in(request: HttpRequest) -> HttpResponse:
    """Show the admin's log-in. In the transaction of ATOMIC_REQUESTS it would keep its session."""
    return admin.site.login(request)


@transaction.non_atomic_requests
def change_password(request: HttpRequest, **options: Any) -> HttpResponse:
    """Let users of the admin change their own password, like `log_in`."""
    return admin.site.admin_view(admin.site.password_change, cacheable=True)(request, **options)
