"""The simulated servers do what the real ones do."""

from random import Random

import pytest

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
    """Against SQLite."""
