import pytest

from tests.contracts.repartitioning import RepartitioningContract


@pytest.mark.django_db
class TestRepartitioningOnSQLite(RepartitioningContract):
    """On SQLite and a stream in this process."""
