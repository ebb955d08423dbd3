"""The folder `events` alone, in another project, on each Django that docs/how-to.md names.

On this project's Django it runs with this project's packages; on an older one with those that docs/how-to.md tells to
install, in an environment of its own.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import django
import msgspec
import pytest

from events.stream.interface import Stream

ROOT = Path(__file__).resolve().parents[3]
HOW_TO = ROOT / "docs/how-to.md"
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
NO_STREAM = "redis://127.0.0.1:1/nobody-listens"
OLDER_DJANGOS = ("5.2", "6.0")
OUR_DJANGO = "{}.{}".format(*django.VERSION)


class OtherProject:
    """A folder with the other project and `events`, in which tests run commands."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.python = python
        shutil.copytree(ROOT / "tests/otherproject", folder, dirs_exist_ok=True)
        shutil.copytree(ROOT / "events", folder / "events")

    def manage(self, *arguments: str, **variables: str) -> str:
        environment = {"PATH": os.environ["PATH"], "EVENT_STREAM_URL": os.environ["EVENT_STREAM_URL"], **variables}
        command = [self.python, "-W", "error", "manage.py", *arguments]
        return output_of(command, cwd=self.folder, env=environment, timeout=60)

    def shell(self, code: str, **variables: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code, **variables)


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
    packages = [f"django~={request.param}.0", *packages_to_install()]
    output_of([*uv, "venv", "--python", sys.executable, "venv"])
    output_of([*uv, "pip", "install", "--python", found, "--constraint", "constraints.txt", *packages])
    return found


def pins() -> list[str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]


def packages_to_install() -> list[str]:
    """Return what docs/how-to.md tells to install beside Django."""
    [sentence] = re.findall(r"Install what they import:((?:.+\n)+)", HOW_TO.read_text())
    return [name for name in re.findall("`(.+?)`", sentence) if name != "django"]


@pytest.fixture
def project(tmp_path: Path, python: str) -> OtherProject:
    return OtherProject(tmp_path, python)


@pytest.mark.django_db
def test_another_project_records_relays_consumes_and_shows_its_status(project: OtherProject, stream: Stream) -> None:
    project.manage("check", "--fail-level", "WARNING")
    project.manage("makemigrations", "events", "--check", "--dry-run")
    project.manage("migrate")
    project.shell(RECORD, EVENT_STREAM_URL=NO_STREAM)

    assert project.manage("relay_events", "--once").startswith("5 events appended")
    project.manage("consume_events", "shelves", "--until-idle")

    assert project.shell(SHOW) == "(1, 'C3', 3) (2, 'A1', 1) (3, 'A1', 1)\n"
    partitions = msgspec.json.decode(project.manage("event_status", "--json"))
    assert sum(partition["last_position"] for partition in partitions) == 5
    assert [group["lag"] for partition in partitions for group in partition["groups"]] == [0, 0]


@pytest.mark.parametrize("python", [OUR_DJANGO], indirect=True)
def test_it_loads_neither_this_project_nor_a_library_that_only_this_project_needs(project: OtherProject) -> None:
    loaded = set(project.shell(LOADED).split())

    assert {"events", "warehouse"} <= loaded
    assert loaded & {"config", "tickets", "readmodel", "rest_framework", "elasticsearch", "httpx", "environ"} == set()


def test_every_module_loads_and_the_admin_retries_a_dead_letter(project: OtherProject) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "admin_settings", "EVENT_STREAM_URL": NO_STREAM}
    project.manage("check", "--fail-level", "WARNING", **settings)
    project.manage("migrate", **settings)

    assert project.shell(LOAD_ALL + RETRY_IN_THE_ADMIN, **settings) == "200 200 200 retry\n"


@pytest.mark.parametrize("module", ["settings", "two_databases"])
def test_the_other_project_s_own_tests_run(project: OtherProject, module: str) -> None:
    project.manage("test", DJANGO_SETTINGS_MODULE=module, EVENT_STREAM_URL=NO_STREAM)


@pytest.mark.parametrize("python", [OUR_DJANGO], indirect=True)
@pytest.mark.django_db
def test_the_events_work_in_a_database_that_is_not_the_default(project: OtherProject, stream: Stream) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "two_databases"}
    migrate_both(project)
    assert project.shell(TABLES, **settings) == "default auth_user\nshop events_log warehouse_crate\n"

    project.shell(RECORD, EVENT_STREAM_URL=NO_STREAM, **settings)
    assert project.manage("relay_events", "--once", **settings).startswith("5 events appended")
    project.manage("consume_events", "shelves", "--until-idle", **settings)

    assert project.shell(SHOW, **settings) == "(1, 'C3', 3) (2, 'A1', 1) (3, 'A1', 1)\n"
    partitions = msgspec.json.decode(project.manage("event_status", "--json", **settings))
    assert [group["lag"] for partition in partitions for group in partition["groups"]] == [0, 0]
    assert project.shell(FAULTS, **settings) == "[]\n"
    project.manage("compact_events", "--older-than", "1d", **settings)
    project.manage("reset_group", "shelves", "--to", "0", "--yes", **settings)
    project.manage("dead_letters", "list", **settings)


@pytest.mark.parametrize("python", [OUR_DJANGO], indirect=True)
def test_the_admin_retries_a_dead_letter_in_a_database_that_is_not_the_default(project: OtherProject) -> None:
    migrate_both(project)

    settings = {"DJANGO_SETTINGS_MODULE": "two_databases", "EVENT_STREAM_URL": NO_STREAM}
    assert project.shell(RETRY_IN_THE_ADMIN, **settings) == "200 200 200 retry\n"


def migrate_both(project: OtherProject) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "two_databases"}
    project.manage("check", "--fail-level", "WARNING", "--database", "shop", **settings)
    project.manage("migrate", **settings)
    project.manage("migrate", "--database", "shop", **settings)


def test_the_documentation_names_the_djangos_that_are_tried() -> None:
    [sentence] = re.findall(r"They work on Django (.+?)\. ", HOW_TO.read_text())

    assert re.split(", | and ", sentence) == [*OLDER_DJANGOS, OUR_DJANGO]
