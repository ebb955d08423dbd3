from tests.transaction_contract import ForeignCallbackContract, TransactionContract


class TestTransactionsOnSQLite(TransactionContract):
    """Nestings of transactions on SQLite."""


class TestForeignCallbacksOnSQLite(ForeignCallbackContract):
    """Failing callbacks on SQLite."""
