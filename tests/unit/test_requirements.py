"""Test that what CI and the image install is pinned, by exact version and, where one is known, by hash."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}")
OUTDATED = "run `make requirements`, and commit what it writes"


def pins_of(file: str) -> dict[str, list[str]]:
    """Return the hashes of each requirement in a file of `uv export`."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / file).read_text().splitlines():
        if line.startswith(" "):
            found[list(found)[-1]].append(line.removesuffix(" \\"))
        else:
            found[line.removesuffix(" \\")] = []
    return found


@pytest.mark.parametrize(
    "file", ["production.txt", "tracing.txt", "engines.txt", "development.txt", "sbom.txt", "uv.txt"]
)
def test_each_requirement_has_hashes_and_names_no_host(file: str) -> None:
    pins = pins_of(file)

    assert pins
    for requirement, hashes in pins.items():
        assert re.match(r"[a-z0-9-]+==[\w.]+( ; .+)?$", requirement), requirement
        assert hashes, requirement
        assert all(map(HASH.fullmatch, hashes)), requirement


def test_the_requirements_are_the_constraints_of_the_project() -> None:
    constraints = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    development, production, tracing = map(pins_of, ("development.txt", "production.txt", "tracing.txt"))

    assert sorted(development) == sorted(constraints), OUTDATED
    assert set(names(production)) < set(names(tracing)) < set(names(development)), OUTDATED
    assert {line: hashes for line, hashes in names(tracing).items() if names(development)[line] != hashes} == {}


def names(pins: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the pins without their conditions, which depend on the groups."""
    return {requirement.partition(" ;")[0]: hashes for requirement, hashes in pins.items()}


@pytest.mark.parametrize(("file", "number"), [("Dockerfile", 3), (".ci/run", 2)])
def test_packages_are_installed_only_with_their_hashes(file: str, number: int) -> None:
    text = (ROOT / file).read_text()

    installing = re.findall(r"pip (?:install|sync)[^\n\\]*", text)
    assert len(installing) == number
    assert all("--require-hashes" in command and "requirements/" in command for command in installing)
    assert "uv sync" not in text


def test_images_have_exact_versions_and_actions_are_commits() -> None:
    services = yaml.load((ROOT / "docker-compose.yml").read_text(), yaml.CSafeLoader)["services"].values()
    images = {service["image"] for service in services if "build" not in service}
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    images |= {base for base, _ in stages} - {name for _, name in stages}
    actions = re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/ci.yml").read_text())

    assert [image for image in images if not re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)*(@sha256:\w{64})?$", image)] == []
    assert len(images) >= 4
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []
