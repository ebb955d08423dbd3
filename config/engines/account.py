"""Name the user of this machine as whom PostgreSQL runs: root's own PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess

from config.supervisord.errors import CannotStart

SERVER_OF_ROOT = "pgserver"


def server_account() -> pwd.struct_passwd:
    """Return this user, or for root a user that exists for the server alone; raise CannotStart if there is none."""
    try:
        return pwd.getpwnam(SERVER_OF_ROOT) if is_root() else pwd.getpwuid(os.geteuid())
    except KeyError:
        if not is_root():
            raise CannotStart(
                f"the user {os.geteuid()} has no name on this machine, and PostgreSQL needs one: "
                "add it to /etc/passwd, or set DATABASE_URL to a server of your own"
            ) from None
    return _make_account()


def is_root() -> bool:
    return os.geteuid() == 0


def _make_account() -> pwd.struct_passwd:
    command = ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_OF_ROOT)
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart(
            f"PostgreSQL does not run as root, and the user {SERVER_OF_ROOT} can't be made ({error}): "
            "make it, run this as another user, or set DATABASE_URL to a server of your own"
        ) from error
    return pwd.getpwnam(SERVER_OF_ROOT)
