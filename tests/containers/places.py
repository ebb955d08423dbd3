"""Run the command of a container as a process on the tests' servers, without a container around it.

Its paths, its port and the names of its servers are replaced. A server that its networks do not reach refuses it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from config.supervisord.ports import LOOPBACK, free_port
from tests.containers.container import SERVERS, Container
from tests.processes import ROOT, environment
from tests.servers import NOBODY_LISTENS

URLS = dict(zip(SERVERS, ("DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL"), strict=True))
UNREACHABLE = {
    "DATABASE_URL": f"postgresql://{NOBODY_LISTENS}/tickets",
    "EVENT_STREAM_URL": f"redis://{NOBODY_LISTENS}/tickets",
    "ELASTICSEARCH_URL": f"http://{NOBODY_LISTENS}",
}
SECRETS = {
    "secret_key": "one-secret-key-of-fifty-characters-and-a-few-more-0123",
    "events_stream_keys": "one-stream-key-of-fifty-characters-and-a-few-more-0123",
    "access_system_secrets": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
}


class Place(NamedTuple):
    """Where a container's files and its port are on this machine."""

    container: Container
    folder: Path
    port: int
    metrics_port: int
    process: subprocess.Popen[bytes]

    def is_healthy(self) -> bool:
        command = _words(self.container.health, self.folder, self.port)
        done = subprocess.run(command, env=os.environ, capture_output=True, check=False)
        return done.returncode == 0


@contextmanager
def running(container: Container, folder: Path) -> Iterator[Place]:
    """Run the container's command until the block ends, then kill it and what it has started."""
    port, metrics_port = free_port(), free_port()
    folder.mkdir()
    variables = dict(_variables(container, folder)) | {"METRICS_PORT": str(metrics_port)}
    command = _words(container.command, folder, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        yield Place(container, folder, port, metrics_port, process)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            child.kill()
        process.kill()
        process.wait()


def _variables(container: Container, folder: Path) -> Iterator[tuple[str, str]]:
    yield "PATH", os.environ["PATH"]
    yield "DATA_DIR", str(folder)  # No `manage.py up` of this machine.
    yield "READMODEL_ALIAS", environment()["READMODEL_ALIAS"]
    _write_secrets(container, folder)
    for name, value in container.environment.items():
        yield name, _replaced(value, folder, port=0)


def _write_secrets(container: Container, folder: Path) -> None:
    """Write the secrets that are mounted, and no others."""
    urls = {URLS[server] for server in container.reaches}
    contents = SECRETS | {name.lower(): _url(name, reaches=name in urls) for name in URLS.values()}
    for path, name in container.secrets.items():
        file = Path(_replaced(path, folder, port=0))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(contents[name])


def _url(name: str, *, reaches: bool) -> str:
    return environment()[name] if reaches else UNREACHABLE[name]


def _words(command: tuple[str, ...], folder: Path, port: int) -> list[str]:
    return [_replaced(word, folder, port=port) for word in command]


def _replaced(text: str, folder: Path, *, port: int) -> str:
    if text == "python":
        return sys.executable
    replacements: Mapping[str, str] = {
        "/run/secrets/": f"{folder}/secrets/",
        "/tmp/alive": f"{folder}/alive",  # noqa: S108
        "/forgotten/": f"{folder}/",
        "0.0.0.0": LOOPBACK,  # noqa: S104
        "8000": str(port),
    }
    for there, here in replacements.items():
        text = text.replace(there, here)
    return text
