"""Documents as Elasticsearch answers them by id; their content is parsed only by whoever needs it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from events.exceptions import RetryLater, TargetLost


class AnsweredDocument(msgspec.Struct, frozen=True):
    """One document of an answer, without a version if there is none. Its content keeps the whole answer in memory."""

    id: str = msgspec.field(name="_id")
    version: int | None = msgspec.field(name="_version", default=None)
    content: msgspec.Raw = msgspec.field(name="_source", default=msgspec.Raw())
    sequence_number: int = msgspec.field(name="_seq_no", default=0)
    primary_term: int = msgspec.field(name="_primary_term", default=0)
    error: Mapping[str, Any] | None = None

    @property
    def source(self) -> Mapping[str, Any]:
        return msgspec.json.decode(self.content)  # type: ignore[no-any-return]


_decoder = msgspec.json.Decoder(list[AnsweredDocument])


def documents_in(docs: msgspec.Raw) -> Sequence[AnsweredDocument]:
    """Return the documents of an answer's member `docs`, also those that do not exist.

    Raise TargetLost if the index was gone when they were read, RetryLater if one could not be read.
    """
    documents = _decoder.decode(docs)
    for error in (document.error for document in documents if document.error):
        lost = error["type"] == "index_not_found_exception"
        raise (TargetLost if lost else RetryLater)(f"Elasticsearch can't read documents: {error['reason']}")
    return documents
