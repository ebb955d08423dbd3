"""An ASGI application that can't be loaded while there is a file, which BROKEN_RELEASE names."""

import os
from pathlib import Path
from typing import Any

if Path(os.environ["BROKEN_RELEASE"]).exists():
    raise ImportError("this release is broken")


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"alive"})
