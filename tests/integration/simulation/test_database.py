"""The simulated database answers as PostgreSQL does, also where transactions meet."""

import pytest

from tests.contracts.database import DatabaseContract


@pytest.mark.django_db
class TestSimulatedPostgreSQL(DatabaseContract):
    """Against PostgreSQL."""
