"""Authenticate by user name and password, with limits for guesses."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.exceptions import TooBusy
from accounts.throttling.attempts import log_in_attempt


class Backend(ModelBackend):
    """Django's backend; `authenticate` raises LockedOut and TooBusy, whichever view calls it."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        name = kwargs.get(get_user_model().USERNAME_FIELD) if username is None else username
        if request is None or name is None:
            return super().authenticate(request, username, password, **kwargs)
        attempt = log_in_attempt(request, name)
        try:
            user = super().authenticate(request, username, password, **kwargs)
        except TooBusy:
            attempt.was_not_made()
            raise
        if user:
            attempt.was_right()
        return user

    async def aauthenticate(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> Any:
        return await sync_to_async(self.authenticate)(request, *args, **kwargs)
