"""Documents that were read by id are parsed only as far as they are needed."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from elastic_transport import SerializationError

from events.exceptions import RetryLater, TargetLost
from readmodel.index.answered import documents_in
from readmodel.index.documents import StoredDocument
from readmodel.index.unparsed import UnparsedDocuments


class Seat(msgspec.Struct):
    row: str
    number: int


def docs(*documents: Mapping[str, Any]) -> msgspec.Raw:
    return UnparsedDocuments().loads(msgspec.json.encode({"docs": documents}))["docs"]  # type: ignore[no-any-return]


def stored(content: bytes) -> StoredDocument:
    return StoredDocument("1", 1, content, 0, 1)


def test_a_document_has_its_content_as_it_was_written() -> None:
    [document] = documents_in(docs({"_id": "1", "_version": 7, "_seq_no": 3, "_source": {"b": 1, "a": None}}))

    assert (document.id, document.version, document.sequence_number) == ("1", 7, 3)
    assert bytes(document.content) == b'{"b":1,"a":null}'
    assert document.source == {"b": 1, "a": None}


def test_a_document_that_does_not_exist_has_no_version() -> None:
    [document] = documents_in(docs({"_index": "things", "_id": "1", "found": False}))

    assert document.version is None


@pytest.mark.parametrize(("kind", "error"), [("index_not_found_exception", TargetLost), ("other", RetryLater)])
def test_documents_that_can_not_be_read_are_an_error(kind: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="no such thing"):
        documents_in(docs({"_id": "1", "error": {"type": kind, "reason": "no such thing"}}))


def test_other_answers_are_parsed() -> None:
    assert UnparsedDocuments().loads(b'{"count":11,"_shards":{"failed":0}}') == {"count": 11, "_shards": {"failed": 0}}
    assert UnparsedDocuments().loads(b'[{"index":"things"}]') == [{"index": "things"}]


def test_an_answer_that_was_cut_off_is_refused() -> None:
    with pytest.raises(SerializationError):
        UnparsedDocuments().loads(b'{"docs":[{"_id":"1"')


def test_equal_content_is_recognized_however_it_was_written() -> None:
    same, spaced, other = map(stored, (b'{"row":"A","number":1}', b'{"number": 1, "row": "A"}', b'{"row":"A"}'))

    assert [document.has_same_bytes(Seat("A", 1)) for document in (same, spaced, other)] == [True, False, False]
    assert [document.has(Seat("A", 1)) for document in (same, spaced, other)] == [True, True, False]
