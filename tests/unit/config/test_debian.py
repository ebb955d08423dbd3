"""The operators' pages about Debian can be followed: their commands are complete, and name files and units that exist.

.ci/try_debian.py runs them on a fresh Debian, which takes minutes.
"""

import re
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ("install.md", "backup.md", "restore.md")


@pytest.fixture(scope="module")
def trial() -> ModuleType:
    spec = spec_from_file_location("try_debian", ROOT / ".ci/try_debian.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_commands_of_the_pages_are_tried_and_a_shell_can_read_them(trial: ModuleType) -> None:
    script = trial.script()

    assert len(script) > 8_000
    assert "\n:install.md" not in script
    subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=True)


def test_a_block_that_is_not_tried_is_refused(
    trial: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter = tmp_path / "try_debian.sh"
    shorter.write_text(trial.TRIALS.read_text().replace(":backup.md\n", "", 1))
    monkeypatch.setattr(trial, "TRIALS", shorter)

    with pytest.raises(SystemExit, match="leaves blocks out: {':backup.md': 1}"):
        trial.script()


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_the_commands_name_exist(trial: ModuleType, page: str) -> None:
    commands = "\n".join(trial.blocks(page))
    files = set(re.findall(r"(?<![\w/])(?:config|requirements)/[\w./-]+", commands))

    assert files or page != "install.md"
    assert [file for file in sorted(files) if not list(ROOT.glob(f"{file}*"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_units_that_the_commands_name_exist(trial: ModuleType, page: str) -> None:
    found = re.findall(r"systemctl [^\n]+", "\n".join(trial.blocks(page)))
    ours = {word.strip("'") for line in found for word in line.split() if "tickets" in word}
    units = {path.name for path in (ROOT / "config/systemd").iterdir()}

    assert ours or page == "backup.md"
    assert {name for name in ours if not {name, f"{name.replace('*', '')}.service"} & units} == set()


def test_nginx_of_debian_ends_tls_before_the_web_server_of_this_machine() -> None:
    command = ["sed", "--file", ROOT / "config/nginx/debian.sed", ROOT / "config/nginx/nginx.conf"]
    written = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert len(re.findall(r"^ +listen ", written, re.MULTILINE)) == 1
    assert "        listen 443 ssl default_server backlog=4096;\n" in written
    assert "        server 127.0.0.1:8000;\n" in written
    assert written.count("\nuser www-data;\n") == 1
    for absent in ("daemon off", "_temp_path", "pid /tmp", "/dev/stdout", "stderr", "web:8000", "8080"):
        assert absent not in written
