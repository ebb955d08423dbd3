from pathlib import Path

from django.http import FileResponse

from events.recording.collector import Collector
from events.recording.streaming_responses import collect_stream
from tests.contracts.requests import RequestContract, ask, atomic_requests  # noqa: F401 (fixtures)
from tests.contracts.transactions import ForeignCallbackContract, TransactionContract


class TestTransactionsOnSQLite(TransactionContract):
    """Nestings of transactions on SQLite."""


class TestForeignCallbacksOnSQLite(ForeignCallbackContract):
    """Failing callbacks on SQLite."""


class TestRequestsOnSQLite(RequestContract):
    """Requests on SQLite."""


def test_a_file_is_left_to_the_web_server_to_send(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    with file.open("rb") as opened:
        response = FileResponse(opened)
        collect_stream(response, Collector())

        assert response.file_to_stream is not None
