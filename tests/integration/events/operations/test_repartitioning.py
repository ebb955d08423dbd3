"""repartition_events on PostgreSQL and a real server."""

from zlib import crc32

import pytest
from django.db import connection

from tests.contracts.repartitioning import RepartitioningContract


@pytest.mark.django_db(transaction=True)
class TestRepartitioningOnPostgreSQL(RepartitioningContract):
    """On the production database."""


@pytest.mark.django_db
@pytest.mark.parametrize("subject", ["", "thing-1", "0193f5a4-7b1c-7d2e-8f00-000000000001", "Zürich \U0001f600"])
def test_the_database_hashes_as_we_do(subject: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_slot(%s)", [subject])

        assert cursor.fetchone() == (crc32(subject.encode()),)
