"""Give Django the requests of the web server in the form that it, and REST framework, expect."""

import os
from typing import IO, Any
from urllib.parse import quote

from django.core.handlers.asgi import ASGIRequest

ASCII = "".join(map(chr, range(128)))


class CompleteRequest(ASGIRequest):
    """A request that has its body's length, also if the body came in chunks: parsers take no length for no body.

    Bytes of the query beyond ASCII are escaped, so that they are answered like those that a client has escaped.
    """

    def __init__(self, scope: dict[str, Any], body_file: IO[bytes]) -> None:
        super().__init__(scope | {"query_string": quote(scope.get("query_string", b""), safe=ASCII)}, body_file)
        if not self.META.get("CONTENT_LENGTH"):
            self.META["CONTENT_LENGTH"] = str(body_file.seek(0, os.SEEK_END))
            body_file.seek(0)
