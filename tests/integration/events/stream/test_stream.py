from tests.contracts.stream import StreamContract


class TestStreamOnServer(StreamContract):
    """The stream on a real server."""
