from tests.stream_contract import StreamContract


class TestStreamOnServer(StreamContract):
    """The stream on a real server."""
