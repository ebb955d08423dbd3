"""Test that a password is sent only to a port that the program itself has."""

import os
import socket

from config.supervisord.ports import LOOPBACK, free_port, listens


def test_a_process_listens_only_on_its_own_port() -> None:
    with socket.create_server((LOOPBACK, 0)) as own:
        port = own.getsockname()[1]

        assert listens(os.getpid(), port)
        assert not listens(os.getpid(), free_port())
        assert not listens(os.getppid(), port)


def test_no_process_listens_on_no_port() -> None:
    assert not listens(2**22 + 1, 1)
