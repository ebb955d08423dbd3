"""The database is restored from backups that PostgreSQL's own tools have made, as docs/operations/restore.md says."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import call_command
from django.db import connection
from elasticsearch import Elasticsearch
from pytest_django import Settings

from config.engines.postgres import ADMINISTRATOR, DATABASE, ROLE
from events.log.reading import last_position
from events.stream.interface import Stream
from tests.faults.roles import change_one
from tests.faults.test_divergence import change_some, issue_some, reset
from tests.faults.test_fail_over import forget_sessions
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.replicated_database import Node
from tests.waiting import wait_until
from tickets.models import Ticket

ARCHIVE = "archive"
"""The folder of the archived log, below that of the files: the server's commands run there."""
ARCHIVING = f"archive_mode = on\narchive_command = 'cp %p {ARCHIVE}/%f'\n"
RECOVERY = f"restore_command = 'cp {ARCHIVE}/%f %p'\nrecovery_target_action = promote\nrecovery_target_time = "

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def server(tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Run a new server, with a dump of the tests' database, which has no ticket; this process uses it."""
    node = Node(tmp_path / "server")
    issue_some(1)  # A dump of a used log.
    dump = tmp_path / "dump"
    options = connection.get_connection_params()
    with node.running():
        source = ("-h", options["host"], "-U", ADMINISTRATOR, "-d", options["dbname"])
        run(node, "pg_dump", *source, "--format=custom", "--file", dump)
        run(node, "pg_restore", *address(node), "-d", DATABASE, "--exit-on-error", dump)
        use(node, monkeypatch)
        yield node
        forget_sessions()
        monkeypatch.undo()


def run(node: Node, program: str, *words: str | Path) -> None:
    """Run one of PostgreSQL's tools, of the same version as the server."""
    programs = Path(psutil.Process(node.process.pid).exe()).parent
    subprocess.run([programs / program, *words], check=True)


def address(node: Node) -> tuple[str, ...]:
    return ("-h", node.host, "-U", ADMINISTRATOR)


def use(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process use the node's database."""
    forget_sessions()
    for name, value in {"NAME": DATABASE, "HOST": node.host, "USER": ROLE, "PASSWORD": "", "PORT": ""}.items():
        monkeypatch.setitem(connection.settings_dict, name, value)


def handle_all(stream: Stream) -> None:
    """Flush and handle all events, as processes do that are stopped afterwards."""
    call_command("relay_events", "--once", verbosity=0)
    call_command("consume_events", "readmodel", "--until-idle")
    assert stream.tail(0).position == last_position(0)


def test_a_dump_is_restored_into_a_new_server_and_events_since_are_forgotten(
    server: Node, stream: Stream, elasticsearch: Elasticsearch, settings: Settings, tmp_path: Path
) -> None:
    """The server already has one dump: that of the tests' own database."""
    handle_all(stream)
    run(server, "pg_dump", *address(server), "-d", DATABASE, "--format=custom", "--file", tmp_path / "tickets.dump")
    change_some(10)
    handle_all(stream)
    lost = last_position(0)

    forget_sessions()
    restore = ("-d", DATABASE, "--clean", "--if-exists", "--exit-on-error", tmp_path / "tickets.dump")
    run(server, "pg_restore", *address(server), *restore)
    assert last_position(0) < lost
    assert "The log was restored from a backup" in reset()
    change_one()
    handle_all(stream)

    assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)


def test_a_base_backup_and_the_archived_log_restore_any_moment(
    server: Node,
    stream: Stream,
    elasticsearch: Elasticsearch,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive(server)
    base = tmp_path / "base"
    run(server, "pg_basebackup", *address(server), "--checkpoint=fast", "-D", base)
    issue_some(2)
    [moment] = server.execute("SELECT clock_timestamp()::text")
    kept = set(Ticket.objects.values_list("id", flat=True))
    change_some(10)
    handle_all(stream)
    wait_until_archived(server)
    server.kill()

    restored = Node(tmp_path / "restored")
    place(base, restored, archive=server.data / ARCHIVE, moment=moment)
    with restored.running():
        wait_until(lambda: restored.execute("SELECT pg_is_in_recovery()") == [False])
        use(restored, monkeypatch)
        assert set(Ticket.objects.values_list("id", flat=True)) == kept
        assert "The log was restored from a backup" in reset()
        change_some(2)
        handle_all(stream)

        assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
        forget_sessions()


def archive(node: Node) -> None:
    """Start the server anew with an archive of its log."""
    (node.data / ARCHIVE).mkdir()
    (node.data / "postgresql.auto.conf").write_text(ARCHIVING)
    own(node.data / ARCHIVE, like=node.data)
    forget_sessions()
    node.kill()
    node.start()
    wait_until(node.engine.is_ready)


def wait_until_archived(node: Node) -> None:
    [segment] = node.execute("SELECT pg_walfile_name(pg_switch_wal())")
    wait_until((node.data / ARCHIVE / segment).exists)


def place(base: Path, node: Node, *, archive: Path, moment: str) -> None:
    """Make the files of a server that replays the archived log up to a moment."""
    shutil.rmtree(base / ARCHIVE)
    shutil.copytree(base, node.data)
    shutil.copytree(archive, node.data / ARCHIVE)
    (node.data / "recovery.signal").touch()
    (node.data / "postgresql.auto.conf").write_text(f"{RECOVERY}'{moment}'\n")
    own(node.data, like=node.engine.folder)


def own(folder: Path, *, like: Path) -> None:
    """Give the folder and what is in it to the server's user."""
    owner = like.stat()
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
