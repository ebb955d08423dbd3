from contextlib import AbstractContextManager

from django.db import connection

from tests.contracts.size import Peak, SizeContract, traced, watched


class TestSizeOnSQLite(SizeContract):
    """Without servers: the database's memory is in this process, but not counted."""

    @staticmethod
    def measured() -> AbstractContextManager[Peak]:
        """Measure the process if the whole run uses PostgreSQL, whose client is too slow for tracing."""
        return traced() if connection.vendor == "sqlite" else watched()
