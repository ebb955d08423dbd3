"""Prepare the database and the static files, in a process with the settings of the running servers.

    python -m config.up.preparation

It prints the password of the user `admin` if it creates that user.
"""

import secrets
import sys
import time

import django
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection

from config.environment.refusal import refuse_wrong_settings
from config.loading import nothing_collected

ADMIN = "admin"
EMBEDDED_SECONDS = 60.0
ELSEWHERE_SECONDS = 10.0
DATABASE_POLL_SECONDS = 0.1


def prepare() -> None:
    refuse_wrong_settings()
    call_command("collectstatic", interactive=False, verbosity=0)
    _wait_for_database()
    call_command("migrate", interactive=False, verbosity=0)
    password = _make_admin()
    if password:
        sys.stdout.write(password)


def _wait_for_database() -> None:
    connection.settings_dict["OPTIONS"].pop("pool", None)  # Its time-out would hide the server's error message.
    is_elsewhere = "DATABASE_URL" in settings.NAMED_IN_ENVIRONMENT
    deadline = time.monotonic() + (ELSEWHERE_SECONDS if is_elsewhere else EMBEDDED_SECONDS)
    while True:
        try:
            return connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > deadline:
                sys.exit(
                    f"the database of DATABASE_URL does not answer; check the URL and the server: {error}".replace(
                        "\n", " "
                    )
                )
            time.sleep(DATABASE_POLL_SECONDS)


def _make_admin() -> str:
    """Create the user `admin` if there is none, and return its password; return an empty text otherwise."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415 (there are no models before django.setup())

    users = get_user_model().objects
    if users.filter(username=ADMIN).exists():
        return ""
    password = secrets.token_urlsafe(12)
    users.create_superuser(ADMIN, password=password)
    return password


if __name__ == "__main__":
    with nothing_collected():
        django.setup()
    prepare()
