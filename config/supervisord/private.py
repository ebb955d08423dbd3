"""Keep folders and files to one user of this machine: no other may read them, and none may have made them before."""

import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.supervisord.errors import CannotStart

PRIVATE = 0o700
UMASK = 0o077
"""For programs: what they create is for their user alone."""
OTHERS = 0o077


def make_private(folder: Path, *, owner: int | None = None) -> None:
    """Make the folder, or check the one that is there; raise CannotStart unless only its owner may use it afterwards.

    The owner is this process's user, unless root names another one. The folders above stay as they are.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE, parents=True)
    expected = os.geteuid() if owner is None else owner
    try:
        # What is checked is what is changed: a link is not followed, and the name may lead elsewhere afterwards.
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise CannotStart(f"{folder} is not a folder that {_name(expected)} can use ({error}): delete it") from error
    try:
        _take(opened, folder, expected)
    finally:
        os.close(opened)


def _take(opened: int, folder: Path, expected: int) -> None:
    found = os.stat(opened)
    if found.st_uid not in {expected, os.geteuid()}:
        raise CannotStart(
            f"{folder} belongs to the user {_name(found.st_uid)}, not to {_name(expected)}: "
            "another user has made it; delete it, or use another folder (--data DIR)"
        )
    if found.st_uid != expected:
        os.chown(opened, expected, -1)
    if found.st_mode & OTHERS:
        os.chmod(opened, PRIVATE)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def write_private(file: Path, content: str) -> None:
    """Write a file that only this user may read, completely or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(content)
    unfinished.rename(file)


def kept(file: Path, make: Callable[[], str]) -> str:
    """Return the content of a private file; the first call makes it."""
    if not file.exists():
        write_private(file, make())
    return file.read_text()
