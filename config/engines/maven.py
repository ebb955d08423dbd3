"""Fetch jars from Maven's central repository into the local one, and copy them from there.

`python -m config.engines.maven VERSION` prints a new elasticsearch.sha256 for another version of the server.
"""

import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import jgo
import requests
from jgo.maven import MavenContext
from rich.progress import MofNCompleteColumn, Progress

from config.engines.jars import sum_of, verify
from config.supervisord.errors import CannotStart
from events.management.console import Console

DOWNLOADS_AT_ONCE = 8


def fetch_jars(sums: Mapping[str, str], folder: Path) -> None:
    """Put the jars into the folder; raise CannotStart if one can't be fetched or has another checksum."""
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    console = Console()
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        task = progress.add_task("Elasticsearch's jars", total=len(sums))
        for jar in pool.map(_fetch_jar, sums.keys(), sums.values()):
            _place(jar, folder)
            progress.advance(task)


def _fetch_jar(path: str, digest: str) -> Path:
    """Return the jar's path in the local repository."""
    *group, name, version, _ = PurePosixPath(path).parts
    artifact = MavenContext().project(".".join(group), name).at_version(version).artifact()
    try:
        jar = artifact.resolve()
        if sum_of(jar) != digest:
            jar.unlink()  # An earlier download was interrupted.
            jar = artifact.resolve()
    except (requests.RequestException, RuntimeError) as error:
        raise CannotStart(
            f"{name} {version} can't be fetched from Maven's central repository ({error}): "
            "try again when it answers, or set ELASTICSEARCH_URL to a server of your own"
        ) from error
    verify(jar, digest)
    return jar


def _place(jar: Path, folder: Path) -> None:
    """Copy in two steps, so that an interrupted copy does not look like a jar."""
    unfinished = folder / f"{jar.name}.unfinished"
    shutil.copyfile(jar, unfinished)
    unfinished.rename(folder / jar.name)


def _resolve(version: str) -> dict[str, str]:
    """Return the checksum of each jar that this version of the server needs, as Maven resolves it now."""
    endpoint = f"org.elasticsearch:elasticsearch:{version}+org.elasticsearch.plugin:transport-netty4:{version}"
    jars = jgo.resolve(endpoint)
    return {f"{jar.component.path_prefix}/{jar.filename}": sum_of(jar.resolve()) for jar in jars}


if __name__ == "__main__":
    for jar_path, jar_digest in sorted(_resolve(sys.argv[1]).items()):
        sys.stdout.write(f"{jar_digest}  {jar_path}\n")
