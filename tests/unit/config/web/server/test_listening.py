"""The socket of the web server may outlive it: systemd passes it, or the keeper hands it out."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from config.supervisord.ports import LOOPBACK, free_port
from config.web.server.listening import CannotListen, listener
from tests.processes import ROOT
from tests.waiting import wait_until

BACKLOG = 10


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:  # The path of a socket has at most 107 characters.
        yield Path(name)


@contextmanager
def keeper(port: int, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "config.web.server.keeper", "--port", str(port), str(path))
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def test_connections_wait_in_the_keepers_socket_while_no_web_server_has_it(folder: Path) -> None:
    port, path = free_port(), folder / "web"
    with keeper(port, path):
        listener(LOOPBACK, port, BACKLOG, keeper=path).close()
        with socket.create_connection((LOOPBACK, port)) as client:
            client.send(b"hello")
            with listener(LOOPBACK, port, BACKLOG, keeper=path) as found:
                server, _ = found.accept()
                with server:
                    assert server.recv(5) == b"hello"


def test_only_the_keepers_own_user_may_ask_for_the_socket(folder: Path) -> None:
    path = folder / "web"
    with keeper(free_port(), path):
        wait_until(path.exists)

        assert path.stat().st_mode & 0o777 == 0o600


def test_a_keeper_that_is_killed_and_starts_again_waits_for_the_port_and_takes_the_path(folder: Path) -> None:
    port, path = free_port(), folder / "web"
    with keeper(port, path):
        ours = listener(LOOPBACK, port, BACKLOG, keeper=path)
    with keeper(port, path):
        ours.close()
        with listener(LOOPBACK, port, BACKLOG, keeper=path) as found:
            assert found.getsockname() == (LOOPBACK, port)


def test_without_a_keeper_the_web_server_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.web.server.listening.PORT_SECONDS", 0)

    with pytest.raises(CannotListen, match=r"nobody hands out a socket at .*/web: start config.web.server.keeper"):
        listener(LOOPBACK, free_port(), BACKLOG, keeper=folder / "web")


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that systemd passes to this process."""
    with socket.create_server((LOOPBACK, 0)) as found:
        monkeypatch.setattr("config.web.server.listening.FIRST_OF_SYSTEMD", os.dup(found.fileno()))
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        yield found


def test_a_socket_of_systemd_is_taken(passed: socket.socket) -> None:
    port = passed.getsockname()[1]

    with listener(LOOPBACK, port, BACKLOG, keeper=None) as found:
        assert found.getsockname() == (LOOPBACK, port)


def test_a_socket_for_another_port_is_refused(passed: socket.socket) -> None:
    opened = passed.getsockname()[1]

    with pytest.raises(CannotListen, match=f"the socket was opened for port {opened}, but --port is 1"):
        listener(LOOPBACK, 1, BACKLOG, keeper=None)


@pytest.mark.usefixtures("passed")
def test_more_sockets_than_one_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "2")

    with pytest.raises(CannotListen, match="systemd passes 2 sockets"):
        listener(LOOPBACK, 1, BACKLOG, keeper=None)


def test_a_socket_that_was_passed_to_the_parent_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    port = free_port()

    with listener(LOOPBACK, port, BACKLOG, keeper=None) as found:
        assert found.getsockname() == (LOOPBACK, port)
