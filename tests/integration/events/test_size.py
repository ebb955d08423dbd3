from tests.contracts.size import SizeContract, watched


class TestSizeOnServers(SizeContract):
    """On PostgreSQL, whose client is too slow when it is traced, and a real stream."""

    measured = staticmethod(watched)
