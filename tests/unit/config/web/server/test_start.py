"""Test how the web server starts with wrong settings."""

import os
import subprocess
import sys
from pathlib import Path

from config.supervisord.ports import free_port

ROOT = Path(__file__).parents[5]


def test_wrong_settings_are_refused_once_however_many_workers_there_are() -> None:
    command = (sys.executable, "-m", "config.web.server", "--interface", "asginl", "--port", str(free_port()))
    done = subprocess.run(
        (*command, "--workers", "2", "config.asgi:application"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 78
    assert done.stderr.count("DATABASE_URL is missing") == 1
