import pytest

from tests.contracts.parking import ParkingContract


@pytest.mark.django_db(transaction=True)
class TestParkingOnPostgreSQL(ParkingContract):
    """Parking on PostgreSQL."""
