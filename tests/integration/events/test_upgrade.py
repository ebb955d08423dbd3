"""An upgrade of the log's tables on PostgreSQL."""

from tests.contracts.upgrade import UpgradeContract


class TestUpgradeOnPostgreSQL(UpgradeContract):
    """On the production database."""
