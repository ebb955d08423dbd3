"""Test that a chosen port stays free, and that a password is sent only to a port that the program itself has."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.supervisord import ports
from config.supervisord.ports import LOOPBACK, first_of, free_port, is_free, listens

MANY = 200


@pytest.fixture
def range_of_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in place of the kernel's, which is missing at first."""
    monkeypatch.setattr(ports, "RANGE_OF_CONNECTIONS", tmp_path / "range")
    return tmp_path / "range"


@pytest.mark.parametrize(("written", "end"), [("20000\t60999\n", 20_000), (None, 32_768), ("1024 65535", 65_536)])
def test_no_connection_is_given_a_free_port(range_of_connections: Path, written: str | None, end: int) -> None:
    if written:
        range_of_connections.write_text(written)

    assert {free_port() in range(10_000, end) for _ in range(MANY)} == {True}
    assert {first_of([1, 401]) + 401 in range(10_401, end) for _ in range(MANY)} == {True}


def test_a_port_on_which_a_program_listens_is_not_free(
    range_of_connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = free_port()
    monkeypatch.setattr(ports, "FEWEST_PORTS", 1)
    monkeypatch.setattr(ports, "FIRST_PORT", free - 2)
    range_of_connections.write_text(f"{free + 1} 65535")
    with ExitStack() as stack:
        for taken in filter(is_free, (free - 2, free - 1)):
            stack.enter_context(socket.create_server((LOOPBACK, taken)))

        assert {free_port() for _ in range(MANY)} == {free}


def test_a_process_listens_only_on_its_own_port() -> None:
    with socket.create_server((LOOPBACK, 0)) as own:
        port = own.getsockname()[1]

        assert listens(os.getpid(), port)
        assert not listens(os.getpid(), free_port())
        assert not listens(os.getppid(), port)


def test_no_process_listens_on_no_port() -> None:
    assert not listens(2**22 + 1, 1)
