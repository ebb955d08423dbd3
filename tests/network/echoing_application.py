"""An ASGI application that answers with the headers of the request, as JSON."""

import json
from typing import Any


async def application(scope: Any, _receive: Any, send: Any) -> None:
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(headers).encode()})
