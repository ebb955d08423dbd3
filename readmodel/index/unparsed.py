"""Leave documents that were read by id unparsed in Elasticsearch's answers: to parse each one takes the longest.

Loading this module loads a part of Elasticsearch's client.
"""

from typing import Any

import msgspec
from elastic_transport import JsonSerializer

DOCUMENTS = b'{"docs":'
"""The beginning of an answer with documents that were read by id."""
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class UnparsedDocuments(JsonSerializer):
    """Parses answers, except for the member `docs`, which is a msgspec.Raw; readmodel/index/answered.py reads it."""

    def json_loads(self, data: bytes) -> Any:
        return _decoder.decode(data) if data.startswith(DOCUMENTS) else super().json_loads(data)
