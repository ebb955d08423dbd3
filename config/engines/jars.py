"""Check the jars of Elasticsearch: only those that elasticsearch.sha256 lists with their checksums are ever run."""

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from config.supervisord.errors import CannotStart

SUMS = Path(__file__).with_name("elasticsearch.sha256")


def expected_sums() -> dict[str, str]:
    """Return the SHA-256 checksum of each jar, by its path in a Maven repository."""
    lines = (line.split() for line in SUMS.read_text().splitlines())
    return {path: digest for digest, path in lines}


def bring(sums: Mapping[str, str], folder: Path) -> None:
    """Fetch the jars that the folder lacks; raise CannotStart unless it then has exactly these jars."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {path: digest for path, digest in sums.items() if not (folder / PurePosixPath(path).name).exists()}
    if missing:
        from config.engines import maven  # noqa: PLC0415 (takes a second, and only the first start needs it)

        maven.fetch_jars(missing, folder)
    _verify_folder(sums, folder)


def _verify_folder(sums: Mapping[str, str], folder: Path) -> None:
    by_name = {PurePosixPath(path).name: digest for path, digest in sums.items()}
    for jar in folder.glob("*.jar"):
        if jar.name not in by_name:
            raise CannotStart(f"{jar} is not one of the jars that {SUMS.name} lists: delete it and start again")
        verify(jar, by_name[jar.name])


def verify(jar: Path, digest: str) -> None:
    if sum_of(jar) != digest:
        raise CannotStart(
            f"{jar} differs from the jar that {SUMS.name} lists (another SHA-256 checksum): delete it and start again"
        )


def sum_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
