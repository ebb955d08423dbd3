"""Run Debian's nginx with the shipped configuration, if it is on the PATH; .ci/run installs it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.supervisord.ports import LOOPBACK, free_port, listens
from tests.processes import ROOT
from tests.waiting import PATIENCE_SECONDS, wait_until

SHIPPED = ROOT / "config/nginx"
NGINX = shutil.which("nginx")
FRONT = "127.0.0.9"
"""The address of the proxy with TLS, which stands in front."""


@contextmanager
def running_nginx(folder: Path, web_port: int) -> Iterator[int]:
    """Run nginx in front of the web server on this port; yield the port of nginx."""
    assert NGINX
    port = free_port()
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    _replace(
        folder / "nginx.conf", ("web:8000", f"{LOOPBACK}:{web_port}"), ("listen 8080", f"listen {LOOPBACK}:{port}")
    )
    _replace(folder / "nginx.conf", ("/tmp/", f"{folder}/"), ("/dev/stdout", f"{folder}/access.log"))  # noqa: S108
    _replace(folder / "front.conf", ("172.31.250.1", FRONT))
    folder.chmod(0o755)
    with subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]) as process:
        try:
            wait_until(lambda: process.poll() is not None or listens(process.pid, port))
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _replace(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for shipped, ours in changes:
        assert shipped in text
        text = text.replace(shipped, ours)
    file.write_text(text)
