from tests.contracts.stream import StreamContract


class TestFakeStream(StreamContract):
    """The stream in memory that projects use in their tests."""
