"""The folder `events` alone, in another project, on each Django that the how-to names.

On this project's Django it runs with this project's packages; on an older one with those that the how-to tells to
install, in an environment of its own.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import msgspec
import pytest

from events.stream.interface import Stream

ROOT = Path(__file__).resolve().parents[3]
HOW_TO = ROOT / "docs/how-to/another-project.md"
RECORD = """
from warehouse.models import Crate
crates = [Crate.receive("A1") for _ in range(3)]
crates[0].move_to("B2")
crates[0].move_to("C3")
"""
SHOW = """
from warehouse.models import ShelfOfCrate
print(*ShelfOfCrate.objects.order_by("crate_id").values_list("crate_id", "shelf", "version"))
"""
LOADED = """
import sys
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
LOAD_ALL = """
import importlib, pkgutil
import events
for module in pkgutil.walk_packages(events.__path__, "events."):
    importlib.import_module(module.name)
"""
RETRY_IN_THE_ADMIN = """
from django.contrib.auth.models import User
from django.test import Client
from events.models import DeadLetter, LogEntry
from warehouse.models import Crate
Crate.receive("A1")
event = LogEntry.objects.get()
copied = {name: getattr(event, name) for name in ("event_id", "partition", "type", "subject")}
letter = DeadLetter.objects.create(group="shelves", position=1, error_type="Unprocessable", error="full", **copied)
client = Client()
client.force_login(User.objects.create_superuser("ada"))
listed, shown = "/admin/events/deadletter/", f"/admin/events/deadletter/{letter.pk}/change/"
pages = [client.get(page).status_code for page in ("/admin/events/logentry/", listed, shown)]
client.post(listed, {"action": "retry_selected", "_selected_action": [letter.pk]})
letter.refresh_from_db()
print(*pages, letter.state)
"""
FAULTS = """
from events.operations.doctor.database import DATABASE_CHECKS
print([found for check in DATABASE_CHECKS for found in check() if found.is_fault])
"""
TABLES = """
from django.db import connections
for alias in ("default", "shop"):
    tables = set(connections[alias].introspection.table_names())
    print(alias, *sorted(tables & {"auth_user", "events_log", "warehouse_crate"}))
"""
RUN_ALL = """
import contextlib, io, json, os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
printed = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        execute_from_command_line(["manage.py", *words])
    printed.append(output.getvalue())
print(json.dumps(printed))
"""
CHECK = ("check", "--fail-level", "WARNING")
RELAY = ("relay_events", "--once")
CONSUME = ("consume_events", "shelves", "--until-idle")
STATUS = ("event_status", "--json")
MIGRATE_BOTH = (*CHECK, "--database", "shop"), ("migrate",), ("migrate", "--database", "shop")
OPERATIONS = (
    ("compact_events", "--older-than", "1d"),
    ("reset_group", "shelves", "--to", "0", "--yes"),
    ("dead_letters", "list"),
)
NO_STREAM = "redis://127.0.0.1:1/nobody-listens"
OLDER_DJANGOS = ("5.2", "6.0")
OPTIONAL = ["opentelemetry-api"]
"""What only those modules import which a project names itself."""
OUR_DJANGO = "{}.{}".format(*django.VERSION)

type Words = Sequence[str]
"""The words of a command behind `manage.py`."""


class OtherProject:
    """A folder with the other project and `events`, in which tests run commands."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.python = python
        shutil.copytree(ROOT / "tests/otherproject", folder, dirs_exist_ok=True)
        shutil.copytree(ROOT / "events", folder / "events")

    def manage(self, *words: str, **variables: str) -> str:
        """Run the command, and return what it printed."""
        return self._run("manage.py", *words, **variables)

    def manage_all(self, *commands: Words, **variables: str) -> list[str]:
        """Run the commands one after another in one process, which saves starts; return what each printed."""
        printed = self._run("-c", RUN_ALL, msgspec.json.encode(commands).decode(), **variables)
        return msgspec.json.decode(printed, type=list[str])

    def _run(self, *arguments: str, **variables: str) -> str:
        environment = {"PATH": os.environ["PATH"], "EVENT_STREAM_URL": os.environ["EVENT_STREAM_URL"], **variables}
        return output_of([self.python, "-W", "error", *arguments], cwd=self.folder, env=environment, timeout=60)


def shell(code: str) -> Words:
    return ("shell", "--no-imports", "-c", code)


def output_of(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=[*OLDER_DJANGOS, OUR_DJANGO])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python that has that Django, and what `events` needs."""
    if request.param == OUR_DJANGO:
        return sys.executable
    folder = tmp_path_factory.mktemp("django")
    (folder / "constraints.txt").write_text("\n".join(pin for pin in pins() if not pin.startswith("django==")))
    # `uv run` sets UV to its own path. In the folder, uv does not add the constraints of this project.
    uv = [os.environ.get("UV", "uv"), "--directory", str(folder)]
    found = str(folder / "venv/bin/python")
    packages = [f"django~={request.param}.0", *packages_to_install(), *OPTIONAL]
    output_of([*uv, "venv", "--python", sys.executable, "venv"])
    output_of([*uv, "pip", "install", "--python", found, "--constraint", "constraints.txt", *packages])
    return found


def pins() -> list[str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]


def packages_to_install() -> list[str]:
    """Return what docs/how-to/another-project.md tells to install beside Django."""
    [sentence] = re.findall(r"Install what they import:((?:.+\n)+)", HOW_TO.read_text())
    return [name for name in re.findall("`(.+?)`", sentence) if name != "django"]


@pytest.fixture
def project(tmp_path: Path, python: str) -> OtherProject:
    return OtherProject(tmp_path, python)


@pytest.mark.django_db
def test_another_project_records_relays_consumes_and_shows_its_status(project: OtherProject, stream: Stream) -> None:
    no_migration_is_missing = ("makemigrations", "events", "--check", "--dry-run")
    project.manage_all(CHECK, no_migration_is_missing, ("migrate",), shell(RECORD), EVENT_STREAM_URL=NO_STREAM)

    relayed, _, shown, status = project.manage_all(RELAY, CONSUME, shell(SHOW), STATUS)

    assert relayed.startswith("5 events appended")
    assert shown == "(1, 'C3', 3) (2, 'A1', 1) (3, 'A1', 1)\n"
    partitions = msgspec.json.decode(status)
    assert sum(partition["last_position"] for partition in partitions) == 5
    assert [group["lag"] for partition in partitions for group in partition["groups"]] == [0, 0]


@pytest.mark.parametrize("python", [OUR_DJANGO], indirect=True)
def test_it_loads_neither_this_project_nor_a_library_that_only_this_project_needs(project: OtherProject) -> None:
    loaded = set(project.manage(*shell(LOADED)).split())

    assert {"events", "warehouse"} <= loaded
    assert loaded & {"config", "tickets", "readmodel", "rest_framework", "elasticsearch", "httpx", "environ"} == set()


def test_every_module_loads_and_the_admin_retries_a_dead_letter(project: OtherProject) -> None:
    commands = CHECK, ("migrate",), shell(LOAD_ALL + RETRY_IN_THE_ADMIN)

    *_, printed = project.manage_all(*commands, DJANGO_SETTINGS_MODULE="admin_settings", EVENT_STREAM_URL=NO_STREAM)

    assert printed == "200 200 200 retry\n"


@pytest.mark.parametrize("module", ["settings", "two_databases"])
def test_the_other_project_s_own_tests_run(project: OtherProject, module: str) -> None:
    project.manage("test", DJANGO_SETTINGS_MODULE=module, EVENT_STREAM_URL=NO_STREAM)


@pytest.mark.parametrize("python", [OUR_DJANGO], indirect=True)
@pytest.mark.django_db
def test_the_events_work_in_a_database_that_is_not_the_default(project: OtherProject, stream: Stream) -> None:
    *_, tables, _ = project.manage_all(
        *MIGRATE_BOTH, shell(TABLES), shell(RECORD), DJANGO_SETTINGS_MODULE="two_databases", EVENT_STREAM_URL=NO_STREAM
    )
    assert tables == "default auth_user\nshop events_log warehouse_crate\n"

    commands = RELAY, CONSUME, shell(SHOW), STATUS, shell(FAULTS), *OPERATIONS
    relayed, _, shown, status, faults, *_ = project.manage_all(*commands, DJANGO_SETTINGS_MODULE="two_databases")

    assert relayed.startswith("5 events appended")
    assert shown == "(1, 'C3', 3) (2, 'A1', 1) (3, 'A1', 1)\n"
    assert [group["lag"] for partition in msgspec.json.decode(status) for group in partition["groups"]] == [0, 0]
    assert faults == "[]\n"


@pytest.mark.parametrize("python", [OUR_DJANGO], indirect=True)
def test_the_admin_retries_a_dead_letter_in_a_database_that_is_not_the_default(project: OtherProject) -> None:
    *_, printed = project.manage_all(
        *MIGRATE_BOTH,
        shell(RETRY_IN_THE_ADMIN),
        DJANGO_SETTINGS_MODULE="two_databases",
        EVENT_STREAM_URL=NO_STREAM,
    )

    assert printed == "200 200 200 retry\n"


def test_the_documentation_names_the_djangos_that_are_tried() -> None:
    [sentence] = re.findall(r"They work on Django (.+?)\. ", HOW_TO.read_text())

    assert re.split(", | and ", sentence) == [*OLDER_DJANGOS, OUR_DJANGO]
