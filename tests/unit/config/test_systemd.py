"""The units for systemd are what systemd can read, and run what supervisord runs.

Without `systemd-analyze` the tests that need it are left out, and a run of all tests ends by saying so.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.config.test_deployment import SUPERVISORD, programs_of

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "config/systemd"
COMMON = "tickets-.service.d"
INSTANCES = {"tickets-relay@": "1", "tickets-consumer@": "readmodel-1", "tickets-worker@": "1"}
PYTHON = "/srv/tickets/.venv/bin/python"
MOST_EXPOSED = "20"
"""Tenths, of 100: systemd calls up to 20 OK; a unit without any hardening has 96."""
ANALYZE = shutil.which("systemd-analyze") or ""
needs_systemd = pytest.mark.skipif(not ANALYZE, reason="tests/untried.py says so")


def lines_of(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.+)$", (UNITS / unit).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of units with the paths of this machine; systemd looks for the programs."""
    folder: Path = shutil.copytree(UNITS, tmp_path_factory.mktemp("systemd") / "system")
    for file in [*folder.glob("*.*"), *folder.glob("*/*.conf")]:
        if file.is_file():
            file.write_text(file.read_text().replace(PYTHON, sys.executable).replace("=/srv/tickets", f"={ROOT}"))
    shutil.copy(folder / "credentials.conf", folder / COMMON)
    return folder


def names_of(folder: Path) -> list[str]:
    """Return the names of all units, an instance for a template."""
    files = sorted(file.name for file in folder.glob("tickets*") if file.is_file())
    return [name.replace("@", f"@{INSTANCES[name.partition('@')[0] + '@']}") if "@" in name else name for name in files]


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (ANALYZE, *words),
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    found = analyze(installed, "verify", *(str(installed / name) for name in names_of(installed)))

    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@needs_systemd
def test_each_service_is_confined(installed: Path) -> None:
    for name in names_of(installed):
        if name.endswith(".service"):
            words = ("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(installed / name))
            found = analyze(installed, *words)
            assert found.returncode == 0, found.stdout


def test_systemd_and_supervisord_run_the_same_programs_and_stop_them_alike(tmp_path: Path) -> None:
    programs = programs_of((SUPERVISORD / "production.conf").read_text(), tmp_path)

    assert as_of_systemd(programs["relay:relay-1"]) == of("tickets-relay@.service")
    assert as_of_systemd(programs["worker:worker-1"]) == of("tickets-worker@.service")
    assert as_of_systemd(programs["web:web"]) == of("tickets-web.service")
    command, seconds = as_of_systemd(programs["readmodel:readmodel-1"])
    consumed = re.sub(r'readmodel --consumer "\S+"', '"$${1%%-*}" --consumer "$$2"', command)
    assert of("tickets-consumer@.service") == (f"/bin/sh -c 'exec {consumed}' sh %i %H-%i", seconds)
    assert programs["access:access-1"].stopwaitsecs == programs["readmodel:readmodel-1"].stopwaitsecs


def as_of_systemd(program: Any) -> tuple[str, int]:
    """Return the command and the seconds to stop.

    systemd's socket has the address to listen on, and a drop-in the port of an instance's metrics.
    """
    command = re.sub(r" --host \S+| --metrics-port \S+", "", program.command)
    return command.replace("python ", f"{PYTHON} "), program.stopwaitsecs


def of(unit: str) -> tuple[str, int]:
    [command], [seconds] = lines_of(unit, "ExecStart"), lines_of(unit, "TimeoutStopSec")
    return command, int(seconds)


def test_the_target_starts_the_numbers_of_supervisord() -> None:
    numbers = (SUPERVISORD / "numbers.conf").read_text()
    wanted = [name for line in lines_of("tickets.target", "Wants") for name in line.split()]

    assert wanted == [
        "tickets-web.service",
        *(
            f"tickets-{program}@{number}.service"
            if program in {"relay", "worker"}
            else f"tickets-consumer@{program}-{number}.service"
            for program, count in re.findall(r"^\[program:(\w+)\]\nnumprocs=(\d+)$", numbers, re.MULTILINE)
            for number in range(1, int(count) + 1)
        ),
    ]


@pytest.mark.parametrize(("instance", "group"), [("readmodel-1", "readmodel"), ("box-office-12", "box-office")])
def test_an_instance_of_a_consumer_names_its_group(instance: str, group: str) -> None:
    [command] = lines_of("tickets-consumer@.service", "ExecStart")
    [script] = re.findall(r"'exec (.+)'", command)
    script = script.replace("$$", "$").replace("%%", "%").replace(f"{PYTHON} manage.py consume_events", "echo")

    said = subprocess.run(("/bin/sh", "-c", script, "sh", instance, "host"), capture_output=True, text=True, check=True)

    assert said.stdout.split()[:3] == [group, "--consumer", "host"]
