"""The simulated database answers as PostgreSQL does, also where transactions meet."""

import pytest
from pytest_django import Settings

from tests.contracts.database import DatabaseContract


@pytest.mark.django_db
class TestSimulatedPostgreSQL(DatabaseContract):
    @pytest.mark.parametrize("seed", range(20))
    def test_the_same_calls_have_the_same_results(self, seed: int, settings: Settings) -> None:
        self.compare(seed, settings)
