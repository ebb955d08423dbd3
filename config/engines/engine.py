"""Define an engine: a real server on this machine, used where no environment variable names another one."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from config.supervisord.errors import CannotStart
from config.supervisord.ports import free_port
from config.supervisord.private import kept, write_private


class Engine(ABC):
    """One server with its own folder in the data folder; supervisord runs it as the program `name`."""

    name: ClassVar[str]
    variable: ClassVar[str]
    """The environment variable that holds the server's URL."""
    packages: ClassVar[Sequence[str]]
    """The modules of its Python packages, which production does without."""
    needs_port: ClassVar[bool] = True
    starts_slowly: ClassVar[bool] = False

    def __init__(self, data: Path) -> None:
        self.folder = data / self.name
        self.port = free_port()

    @classmethod
    def expect_packages(cls) -> None:
        """Raise CannotStart if its packages are not installed."""
        if missing := [package for package in cls.packages if find_spec(package) is None]:
            raise CannotStart(
                f"{cls.name} is not installed ({', '.join(missing)} is missing): install the packages of the group "
                f"`engines` (uv sync), or let {cls.variable} name a server that runs elsewhere"
            )

    @abstractmethod
    def install(self) -> None:
        """Install what the server needs; raise CannotStart, also if it can't read the data in its folder."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients, once the server is ready; they have only the rights that the service needs."""

    @property
    def administrator_url(self) -> str:
        """The address for tests, which also harm the server."""
        return self.url

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the server answers; called repeatedly until it does."""

    def prepare_next_start(self, process_id: int) -> bool:  # noqa: ARG002 (most servers need nothing)
        """Do what makes the next start of the running server faster; return whether there was anything to do."""
        return False


def password(folder: Path, name: str) -> str:
    """Return the password of a user of the server in this folder; the first call makes it."""
    return kept(_password_file(folder, name), secrets.token_urlsafe)


def renew_password(folder: Path, name: str) -> None:
    """Make another password: one that went astray is of no use after the next start."""
    write_private(_password_file(folder, name), secrets.token_urlsafe())


def _password_file(folder: Path, name: str) -> Path:
    return folder / f"password.{name}"
