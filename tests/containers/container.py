"""What docker-compose.yml and config/kubernetes say of a container."""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.processes import ROOT

SERVERS = ("database", "stream", "search")
"""The networks of docker-compose.yml, and the policies of config/kubernetes, by which the servers are reached."""


class Container(NamedTuple):
    """A container of the image of this project."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    """The command that tells whether it is well; empty for one that ends by itself."""
    grace_seconds: float
    """The time from SIGTERM to SIGKILL."""
    reaches: frozenset[str]
    """Which of SERVERS it may reach."""
    secrets: Mapping[str, str]
    """The path of each mounted secret -> its name."""


def default_command() -> tuple[str, ...]:
    """Return the command of the image."""
    (command,) = re.findall(r"^CMD (\[.+?\])$", dockerfile(), re.MULTILINE | re.DOTALL)
    return tuple(json.loads(command.replace("\\\n", "")))


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()
