"""Run `manage.py up` with its real processes and an empty configuration."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[2]
OURS = {"DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL", "ACCESS_SYSTEM_URL", "SECRET_KEY", "DATA_DIR"}
OURS |= {"DJANGO_SETTINGS_MODULE", "HTTPS_ONLY"}
STOP_SECONDS = 60


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without settings of the service, plus the given variables."""
    return {name: value for name, value in os.environ.items() if name not in OURS} | variables


def manage(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "manage.py", *map(str, words))
    return subprocess.run(
        command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, check=False, timeout=300
    )


@contextmanager
def up(data: Path, port: int, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run `up` until the block ends; the block begins when `up` reports that everything runs."""
    command = (sys.executable, "manage.py", "up", "--data", str(data), "--port", str(port))
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(**variables), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert any("Ctrl-C stops everything" in line for line in process.stdout)
            yield process
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def processes_of(data: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]) if uses(data, process)
    ]


def uses(data: Path, process: psutil.Process) -> bool:
    try:
        return str(data) in (*process.cmdline(), process.environ().get("DATA_DIR"))
    except psutil.Error:
        return False
