from tests.size_contract import SizeContract, traced


class TestSizeOnSQLite(SizeContract):
    """Without servers; the database is in this process, and not counted."""

    measured = staticmethod(traced)
    many = 10_000
