"""Test that what ended workers have counted stays, and their files don't."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.metrics.shared import shared_figures

WORKER = """
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
registry = CollectorRegistry()
Counter("requests", "Requests.", ["route"], registry=registry).labels("tickets").inc({requests})
Gauge("in_flight", "In flight.", registry=registry, multiprocess_mode="livesum").inc()
Histogram("seconds", "Seconds.", registry=registry, buckets=(1, 5)).observe(3)
{then}
"""


def run_worker(folder: Path, requests: int) -> None:
    subprocess.run((sys.executable, "-c", WORKER.format(requests=requests, then="")), env=sharing(folder), check=True)


@contextmanager
def living_worker(folder: Path, requests: int) -> Iterator[None]:
    """Run a worker during the block, then kill it."""
    command = (sys.executable, "-c", WORKER.format(requests=requests, then="print(flush=True); input()"))
    with subprocess.Popen(command, env=sharing(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        worker.stdout.readline()
        yield
        worker.kill()


def sharing(folder: Path) -> dict[str, str]:
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


def figures(folder: Path) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in shared_figures(folder)
        for sample in metric.samples
    }


def test_ended_and_living_workers_are_summed_and_each_file_of_an_ended_one_goes(tmp_path: Path) -> None:
    for requests in (2, 3):
        run_worker(tmp_path, requests)
    with living_worker(tmp_path, 10):
        found = [figures(tmp_path), figures(tmp_path)]
    found.append(figures(tmp_path))

    assert found[0]["requests_total tickets"] == 15
    assert found[0]["in_flight"] == 1
    assert [found[0][f"seconds_bucket {bound}"] for bound in ("1.0", "5.0", "+Inf")] == [0, 3, 3]
    assert found[0]["seconds_sum"] == 9
    assert found[1] == found[0]
    assert found[2] == {name: value for name, value in found[0].items() if name != "in_flight"}
    assert sorted(file.name for file in tmp_path.glob("*.db")) == ["counter_ended.db", "histogram_ended.db"]


def test_a_folder_without_workers_has_no_figures(tmp_path: Path) -> None:
    assert figures(tmp_path) == {}


def test_an_interrupted_sum_is_begun_anew(tmp_path: Path) -> None:
    run_worker(tmp_path, 2)
    (tmp_path / "counter_ended.unfinished").write_bytes(b"\x00" * 10)

    assert figures(tmp_path)["requests_total tickets"] == 2
