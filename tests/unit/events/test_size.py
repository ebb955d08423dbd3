from tests.contracts.size import SizeContract, traced


class TestSizeOnSQLite(SizeContract):
    """Without servers: the database's memory is in this process, but not counted."""

    many = 3_000  # Tracing is slow.
    measured = staticmethod(traced)
