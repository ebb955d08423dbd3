from tests.stream_contract import StreamContract


class TestStreamInProcess(StreamContract):
    """The stream on fakeredis."""
