"""Run Prometheus beside the service, with its alerts, and ask it what the dashboards ask."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from config.supervisord.ports import LOOPBACK, free_port
from tests.unit.config.metrics.queries import ALERTS
from tests.waiting import wait_until

PROMETHEUS = shutil.which("prometheus")
INTERVAL = "1s"
RATE_INTERVAL = "10m"
"""In place of Grafana's: all of a test."""


class Prometheus:
    """A Prometheus that scrapes each second."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://{LOOPBACK}:{port}/api/v1", trust_env=False)

    def is_scraping(self) -> bool:
        """Tell whether each process has answered."""
        try:
            answer = self._client.get("/targets")
        except httpx.TransportError:
            return False
        targets = answer.json()["data"]["activeTargets"] if answer.is_success else []
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the samples; fail if Prometheus does not understand the query."""
        answer = self._client.get("/query", params={"query": query.replace("$__rate_interval", RATE_INTERVAL)}).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def close(self) -> None:
        self._client.close()


@contextmanager
def watching(folder: Path, *, web: int, token: str, others: Mapping[str, int]) -> Iterator[Prometheus]:
    """Let Prometheus watch these ports during the block; it begins when all of them have answered."""
    jobs = [_job("tickets-web", web) | {"authorization": {"credentials": token}}]
    jobs += [_job(f"tickets-{program}", port) for program, port in others.items()]
    times = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
    configuration = {"global": times, "rule_files": [str(ALERTS)], "scrape_configs": jobs}
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = (
        PROMETHEUS or "",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    )
    found = Prometheus(port)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(found.is_scraping)
            yield found
        finally:
            found.close()
            process.terminate()


def _job(name: str, port: int) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [f"{LOOPBACK}:{port}"]}]}
