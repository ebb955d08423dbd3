from contextlib import AbstractContextManager

from django.db import connection

from tests.contracts.size import Peak, SizeContract, traced, watched


class TestSizeOnSQLite(SizeContract):
    """Without servers; the database is in this process, and not counted."""

    @staticmethod
    def measured() -> AbstractContextManager[Peak]:
        """In the whole run the database is PostgreSQL here too, whose client is too slow when it is traced."""
        return traced() if connection.vendor == "sqlite" else watched()
