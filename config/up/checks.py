"""Refuse to start when a port is taken or the disk is full."""

import shutil
import socket
from pathlib import Path

from config.supervisord.errors import CannotStart
from config.supervisord.ports import LOOPBACK

NEEDED_MEGABYTES = 500


def refuse_taken_port(port: int) -> None:
    """Raise CannotStart unless the web server can listen on the port."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except (OSError, OverflowError) as error:
        raise CannotStart(
            f"the web server can't listen on port {port} ({error}): "
            "stop the program that uses it, or choose another port (--port N)"
        ) from error


def refuse_full_disk(data: Path) -> None:
    """Raise CannotStart if there is no room for the servers' files in the data folder."""
    free = shutil.disk_usage(data).free // 1_000_000
    if free < NEEDED_MEGABYTES:
        raise CannotStart(
            f"the disk of {data} has {free} MB free, but the servers need {NEEDED_MEGABYTES} MB: "
            "free some space, or use another folder (--data DIR)"
        )
