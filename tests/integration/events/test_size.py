from tests.contracts.size import SizeContract, watched


class TestSizeOnServers(SizeContract):
    """On PostgreSQL, whose client is too slow for tracing, and a real stream."""

    measured = staticmethod(watched)
