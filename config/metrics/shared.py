"""Sum what the workers of the web server count, by the files that they share.

prometheus_client keeps a file for each process and kind of metric in the folder PROMETHEUS_MULTIPROC_DIR, which
config/web/server/shared_figures.py makes. Whichever worker answers Prometheus adds up all of them. What a worker has
counted stays when it ends, in whatever way: otherwise the sums would fall. So that its files don't stay too, they are
added to one file for all that have ended.
"""

import fcntl
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

LOCK = "scrape"
ENDED = "ended"
OF_THE_LIVING = "gauge"
"""Files of gauges: they end with their process."""


def shared_figures(folder: Path) -> list[Metric]:
    """Return the sums over all workers since the start of the web server, in the order of the names."""
    with _alone(folder):
        _add_up_ended(folder)
        found = list(MultiProcessCollector(CollectorRegistry(), str(folder)).collect())
    return sorted(found, key=lambda metric: metric.name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _add_up_ended(folder: Path) -> None:
    by_kind: dict[str, list[Path]] = defaultdict(list)
    for file in folder.glob("*.db"):
        kind, _, process = file.stem.rpartition("_")
        if process != ENDED and not psutil.pid_exists(int(process)):
            by_kind[kind].append(file)
    for kind, files in by_kind.items():
        if not kind.startswith(OF_THE_LIVING):
            _add(files, folder / f"{kind}_{ENDED}.db")
        for file in files:
            file.unlink()


def _add(files: Sequence[Path], to: Path) -> None:
    """Replace the file by one with the sums; it is whole at any moment."""
    unfinished = to.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    sums = MmapedDict(str(unfinished))
    for file in [*files, *([to] if to.exists() else [])]:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):
            sums.write_value(key, sums.read_value(key)[0] + value, timestamp)
    sums.close()
    unfinished.rename(to)
