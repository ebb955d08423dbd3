"""An upgrade of the log's tables on SQLite."""

from tests.contracts.upgrade import UpgradeContract


class TestUpgradeOnSQLite(UpgradeContract):
    """On the database of one machine."""
