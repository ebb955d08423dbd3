"""Write to the security log what Django's signals say of log-ins."""

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts import security_log


@receiver(user_logged_in)
def _logged_in(user: Any, **_: Any) -> None:
    security_log.write("log_in", by=user.get_username())


@receiver(user_logged_out)
def _logged_out(user: Any, **_: Any) -> None:
    if user:
        security_log.write("log_out", by=user.get_username())


@receiver(user_login_failed)
def _log_in_refused(credentials: Any, **_: Any) -> None:
    user_model = get_user_model()
    name = credentials.get("username") or credentials.get(user_model.USERNAME_FIELD) or ""
    is_known = user_model.objects.filter(**{user_model.USERNAME_FIELD: name}).exists()
    security_log.write("log_in_refused", level=logging.WARNING, by=name if is_known else "", account_exists=is_known)
