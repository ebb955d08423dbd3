"""Damage a table past its events, and find and correct it; on SQLite here, on PostgreSQL in tests/integration."""

from tests.contracts.verify_log import VerifyLogContract


class TestVerifyLogOnSQLite(VerifyLogContract):
    """The comparison without servers."""
