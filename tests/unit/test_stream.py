from tests.stream_contract import StreamContract


class TestFakeStream(StreamContract):
    """The stream that projects use in their tests."""
