"""What an engine is: a real server that runs on this machine where no environment variable names another one."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from config.supervisord.ports import free_port


class Engine(ABC):
    """One server, with a folder of its own in the data folder; supervisord runs it as the program of that name."""

    name: ClassVar[str]
    variable: ClassVar[str]
    """The environment variable that holds the server's URL."""

    def __init__(self, data: Path) -> None:
        self.folder = data / self.name
        self.port = free_port()

    @abstractmethod
    def install(self) -> None:
        """Bring what the server needs onto this machine, and refuse data that it can't read; raise CannotStart."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find the server, once it is ready."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers; asked again and again until it does."""
