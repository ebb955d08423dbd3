"""The command of each container becomes healthy and ends in time, with its own settings, secrets and servers."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from config.supervisord.ports import answers
from events.stream.interface import Stream
from tests.containers import compose, kubernetes
from tests.containers.container import Container
from tests.containers.places import Place, running
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def different() -> dict[str, Container]:
    """Return the containers of Docker, and those of Kubernetes that differ in more than paths and time to end."""
    by_docker = compose.containers()
    others = {name: found for name, found in kubernetes.containers().items() if not alike(found, by_docker[name])}
    return {f"docker-{name}": found for name, found in by_docker.items()} | {
        f"kubernetes-{name}": found for name, found in others.items()
    }


def alike(one: Container, other: Container) -> bool:
    return (one.command, one.health, one.reaches) == (other.command, other.health, other.reaches)


@pytest.fixture
def places(tmp_path: Path, stream: Stream, elasticsearch: Elasticsearch) -> Iterator[dict[str, Place]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(container, tmp_path / name)) for name, container in different().items()
        }


def test_each_container_becomes_healthy_and_ends_in_time(places: dict[str, Place]) -> None:
    ending = {name: place for name, place in places.items() if not place.container.health}
    lasting = {name: place for name, place in places.items() if place.container.health}

    for name, place in ending.items():
        assert place.process.wait(timeout=120) == 0, (name, log_of(place))
    for name, place in lasting.items():
        wait_until(lambda place=place: place.is_healthy() or place.process.poll() is not None)
        assert place.process.poll() is None, (name, log_of(place))
    for place in lasting.values():
        wait_until(lambda place=place: answers(place.metrics_port, "/metrics") or is_web(place))

    for place in lasting.values():
        place.process.terminate()
    for name, place in lasting.items():
        assert place.process.wait(timeout=place.container.grace_seconds) == 0, (name, log_of(place))
        assert " ERROR " not in log_of(place), (name, log_of(place))


def is_web(place: Place) -> bool:
    """Tell whether it serves its metrics where it serves everything else."""
    return "config.web.server" in place.container.command


def log_of(place: Place) -> str:
    return (place.folder / "log").read_text()
