"""What can be seen to go wrong before anything is started."""

import shutil
import socket
from pathlib import Path

from config.supervisord.errors import CannotStart
from config.supervisord.ports import LOOPBACK

NEEDED_MEGABYTES = 500


def refuse_taken_port(port: int) -> None:
    """Raise CannotStart unless the web server could listen there."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except (OSError, OverflowError) as error:
        raise CannotStart(
            f"the web server can't listen on port {port} ({error}): stop what has it, or choose another (--port N)"
        ) from error


def refuse_full_disk(data: Path) -> None:
    """Raise CannotStart if the data folder has no room for the servers' files."""
    free = shutil.disk_usage(data).free // 1_000_000
    if free < NEEDED_MEGABYTES:
        raise CannotStart(
            f"the disk of {data} has {free} MB free, and the servers need {NEEDED_MEGABYTES} MB: "
            "make room there, or choose another folder (--data DIR)"
        )
