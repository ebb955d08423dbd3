"""The simulated servers do what the real ones do."""

from random import Random

import pytest
from pytest_django import Settings

from events.stream.interface import Stream
from tests.contracts.database import DatabaseContract
from tests.contracts.stream import StreamContract
from tests.simulation.redis_server import RedisServer
from tests.simulation.scheduler import Scheduler
from tests.simulation.world import SimulatedStream


class TestSimulatedStream(StreamContract):
    @pytest.fixture
    def stream(self) -> Stream:
        return SimulatedStream(RedisServer(Scheduler(Random(0), switching=0)))


@pytest.mark.django_db
class TestSimulatedSQLite(DatabaseContract):
    @pytest.mark.parametrize("seed", range(3))
    def test_the_same_calls_have_the_same_results(self, seed: int, settings: Settings) -> None:
        self.compare(seed, settings)
