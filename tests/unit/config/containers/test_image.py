"""The image is built from exact versions, and has what a container needs and nothing more."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.containers.container import dockerfile
from tests.processes import ROOT
from tests.unit.test_requirements import pins_of

USER = "10001:10001"


def stages() -> dict[str, str]:
    """Return the instructions of each stage by its name; the last one has none."""
    parts = re.split(r"^FROM ", dockerfile(), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].partition(" AS ")[2]: part for part in parts}


def test_hadolint_has_no_objection() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    found = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "")


def test_all_stages_begin_with_one_base_in_an_exact_version() -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE)
    version = (ROOT / ".python-version").read_text().strip()

    assert [base for base in bases if base not in stages()] == [bases[0], bases[0]]
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", bases[0])
    assert bases[0].startswith(f"python:{version}.")


def test_the_last_stage_installs_nothing_and_runs_as_a_user_by_number() -> None:
    last = stages()[""]

    assert re.findall(r"pip install|uv |apt-get|curl|wget", last) == []
    assert "pip uninstall --yes" in last
    assert re.findall(r"^USER (.+)$", last, re.MULTILINE) == [USER]
    assert [f"--{kind}id {number}" in last for kind, number in zip("ug", USER.split(":"), strict=True)] == [True, True]
    assert "--owner tickets --group tickets --mode 0700 /forgotten" in last


def test_code_and_packages_are_compiled_since_a_container_can_not_write_byte_code() -> None:
    assert "compileall -q ." in stages()["application"]
    assert "UV_COMPILE_BYTECODE=1" in stages()["packages"]
    assert "compileall -q /usr/local/lib/python3.13" in stages()[""]
    assert "PYTHONDONTWRITEBYTECODE=1" in stages()[""]


def test_static_files_are_collected_where_the_server_looks_for_them() -> None:
    assert "STATIC_ROOT=/srv/static /opt/venv/bin/python manage.py collectstatic" in stages()["application"]
    assert "STATIC_ROOT=/srv/static" in stages()[""]


def test_the_compiled_translations_come_with_the_code() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert (ROOT / "locale/de/LC_MESSAGES/django.mo").exists()
    assert [pattern for pattern in ignored if "locale" in pattern or pattern.endswith("mo")] == []


def test_no_secret_gets_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert {".*", "secrets", "config/kubernetes"} <= {*ignored}
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_label_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f'image.version="{project["version"]}"' in dockerfile()
    assert f'image.licenses="{project["license"]}"' in dockerfile()


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command of the image lists, of this environment."""
    (command,) = re.findall(r"cyclonedx-py (environment /opt/venv .+?)--output-file", dockerfile(), re.DOTALL)
    words = command.replace("\\\n", " ").replace("/opt/venv", sys.prefix).split()
    program = Path(sys.executable).with_name("cyclonedx-py")
    file = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    # The image validates it, which takes ten seconds.
    subprocess.run([program, *words, "--no-validate", "--output-file", file], cwd=ROOT, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_the_list_of_the_packages_is_cyclonedx_and_has_all_with_their_licences(sbom: dict[str, Any]) -> None:
    versions = {component["purl"]: component.get("licenses") for component in sbom["components"]}
    pins = {f"pkg:pypi/{pin.partition(' ;')[0].replace('==', '@')}" for pin in pins_of("production.txt")}

    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"]["component"]["name"] == "tell-dont-ask"
    assert pins <= versions.keys()
    assert versions["pkg:pypi/granian@" + pinned("granian")]


def pinned(package: str) -> str:
    return next(pin.partition("==")[2] for pin in pins_of("production.txt") if pin.startswith(f"{package}=="))


def test_the_list_of_the_packages_is_where_it_is_looked_for() -> None:
    assert "COPY --from=sbom /sbom.cdx.json /usr/share/doc/tickets/sbom.cdx.json" in stages()[""]
