"""The folder `events` alone, in another project: it brings what it needs, and needs nothing of this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from events.stream.interface import Stream

ROOT = Path(__file__).resolve().parents[3]
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


class OtherProject:
    """A folder with the other project and the events, in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "tests/otherproject", folder, dirs_exist_ok=True)
        shutil.copytree(ROOT / "events", folder / "events")

    def manage(self, *arguments: str, **variables: str) -> str:
        environment = {"PATH": os.environ["PATH"], "EVENT_STREAM_URL": os.environ["EVENT_STREAM_URL"], **variables}
        command = [sys.executable, "-W", "error", "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(self, code: str, **variables: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code, **variables)


@pytest.fixture
def project(tmp_path: Path) -> OtherProject:
    return OtherProject(tmp_path)


@pytest.mark.django_db
def test_another_project_records_relays_consumes_and_looks(project: OtherProject, stream: Stream) -> None:
    project.manage("check", "--fail-level", "WARNING")
    project.manage("makemigrations", "events", "--check", "--dry-run")
    project.manage("migrate")
    project.shell(RECORD, EVENT_STREAM_URL="redis://127.0.0.1:1/nobody-listens")

    assert project.manage("relay_events", "--once").startswith("5 events appended")
    project.manage("consume_events", "shelves", "--until-idle")

    assert project.shell(SHOW) == "(1, 'C3', 3) (2, 'A1', 1) (3, 'A1', 1)\n"
    partitions = msgspec.json.decode(project.manage("event_status", "--json"))
    assert sum(partition["last_position"] for partition in partitions) == 5
    assert [group["lag"] for partition in partitions for group in partition["groups"]] == [0, 0]


def test_it_loads_neither_this_project_nor_a_library_that_only_this_project_needs(project: OtherProject) -> None:
    loaded = set(project.shell(LOADED).split())

    assert {"events", "warehouse"} <= loaded
    assert loaded & {"config", "tickets", "readmodel", "rest_framework", "elasticsearch", "httpx", "environ"} == set()
