from tests.contracts.stream import StreamContract


class TestFakeStream(StreamContract):
    """The stream that projects use in their tests."""
