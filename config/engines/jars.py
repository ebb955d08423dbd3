"""The jars of the Elasticsearch server, fetched once from Maven's central repository.

elasticsearch.sha256 beside this file lists them, with the sums that they must have; no other jar is ever run.
For another version, `python -m config.engines.jars VERSION` prints that file anew.
"""

import hashlib
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import jgo
import requests
from jgo.maven import MavenContext
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from config.errors import CannotStart

SUMS = Path(__file__).with_name("elasticsearch.sha256")
DOWNLOADS_AT_ONCE = 8


def expected_sums() -> dict[str, str]:
    """Return the SHA-256 sum of each jar by its path in a Maven repository."""
    lines = (line.split() for line in SUMS.read_text().splitlines())
    return {path: digest for digest, path in lines}


def fetch(sums: Mapping[str, str], folder: Path) -> None:
    """Put the jars that are missing into the folder, from the local Maven repository or else from the central one.

    Raise CannotStart for a jar that can't be had, or that is not the one listed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [path for path in sums if not (folder / PurePosixPath(path).name).exists()]
    if not missing:
        return
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    console = Console(stderr=True)
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        task = progress.add_task("Elasticsearch's jars", total=len(missing))
        for jar in pool.map(lambda path: fetch_jar(path, sums[path]), missing):
            place(jar, folder)
            progress.advance(task)


def fetch_jar(path: str, digest: str) -> Path:
    """Return where the jar lies in the local Maven repository."""
    group, name, version = PurePosixPath(path).parts[:-3], *PurePosixPath(path).parts[-3:-1]
    artifact = MavenContext().project(".".join(group), name).at_version(version).artifact()
    try:
        jar = artifact.resolve()
        if sum_of(jar) != digest:
            jar.unlink()  # A download that was interrupted.
            jar = artifact.resolve()
    except (requests.RequestException, RuntimeError) as error:
        raise CannotStart(
            f"{name} {version} can't be fetched from Maven's central repository ({error}): "
            "try again when it answers, or name a server of your own in ELASTICSEARCH_URL"
        ) from error
    verify(jar, digest)
    return jar


def place(jar: Path, folder: Path) -> None:
    """Copy in two steps, so that an interrupted copy is no jar."""
    unfinished = folder / f"{jar.name}.unfinished"
    shutil.copyfile(jar, unfinished)
    unfinished.rename(folder / jar.name)


def verify(jar: Path, digest: str) -> None:
    if sum_of(jar) != digest:
        raise CannotStart(
            f"{jar} is not the jar that {SUMS.name} lists (its SHA-256 sum is another): delete it, and start again"
        )


def verify_folder(sums: Mapping[str, str], folder: Path) -> None:
    """Raise CannotStart unless the folder holds the listed jars and no other."""
    by_name = {PurePosixPath(path).name: digest for path, digest in sums.items()}
    for jar in folder.glob("*.jar"):
        if jar.name not in by_name:
            raise CannotStart(f"{jar} is not among the jars that {SUMS.name} lists: delete it, and start again")
        verify(jar, by_name[jar.name])


def sum_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def resolve(version: str) -> dict[str, str]:
    """Return the sum of each jar that the server of that version needs, as Maven resolves it now."""
    endpoint = f"org.elasticsearch:elasticsearch:{version}+org.elasticsearch.plugin:transport-netty4:{version}"
    artifacts = jgo.resolve(endpoint)
    return {
        f"{artifact.component.path_prefix}/{artifact.filename}": sum_of(artifact.resolve()) for artifact in artifacts
    }


if __name__ == "__main__":
    for jar_path, jar_digest in sorted(resolve(sys.argv[1]).items()):
        sys.stdout.write(f"{jar_digest}  {jar_path}\n")
