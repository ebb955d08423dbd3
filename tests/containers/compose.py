"""Read docker-compose.yml."""

import re
from functools import cache
from typing import Any

import yaml

from tests.containers.container import SERVERS, Container, default_command
from tests.processes import ROOT

VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((ROOT / "docker-compose.yml").read_text(), yaml.CSafeLoader)
    return loaded


def services() -> dict[str, Any]:
    return dict(compose()["services"])


def containers() -> dict[str, Container]:
    """Return the containers of the image, with the defaults of all variables."""
    return {name: _container(name, service) for name, service in services().items() if "build" in service}


def with_defaults(text: str) -> str:
    """Replace the variables by their defaults, as Docker does if they are not set."""
    return VARIABLE.sub(r"\1", text).replace("$$", "$")


def seconds(duration: str) -> float:
    (number,) = re.findall(r"^(\d+)s$", duration)
    return float(number)


def _container(name: str, service: dict[str, Any]) -> Container:
    return Container(
        name=name,
        command=tuple(service.get("command") or default_command()),
        environment={key: with_defaults(value) for key, value in service["environment"].items()},
        health=_health(service["healthcheck"]),
        grace_seconds=seconds(service["stop_grace_period"]),
        reaches=frozenset(service["networks"]) & {*SERVERS},
        secrets={f"/run/secrets/{secret}": secret for secret in service["secrets"]},
    )


def _health(check: dict[str, Any]) -> tuple[str, ...]:
    if check.get("disable"):
        return ()
    kind, *words = check["test"]
    return ("sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words)
