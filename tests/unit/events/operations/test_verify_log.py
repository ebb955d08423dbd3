"""verify_log on SQLite; tests/integration tests it on PostgreSQL."""

from tests.contracts.verify_log import VerifyLogContract


class TestVerifyLogOnSQLite(VerifyLogContract):
    """The comparison without servers."""
