"""An access system to look at: it takes the cancellations that the consumer `access` sends, and shows the last ones.

    python -m config.receiver PORT

POST / takes a JSON object; GET / shows what came, for people; GET /log shows it as JSON.
"""

import json
import sys
from collections import deque
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from config.ports import LOOPBACK

KEPT = 1000
LARGEST_BODY = 100_000
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Access system</title>
<style>body {{ font: 16px sans-serif; margin: 2rem }} td, th {{ padding: .2rem 1rem .2rem 0; text-align: left }}</style>
<h1>Access system</h1>
<p>The last {count} messages, the newest first. The gates refuse each of these tickets and open for its replacement.</p>
<table><tr><th>void</th><th>replaced by</th><th>version</th><th>event</th></tr>
{rows}
</table>
</html>
"""

messages: deque[dict[str, Any]] = deque(maxlen=KEPT)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(HTTPStatus.OK, page(), "text/html; charset=utf-8")
        elif self.path == "/log":
            self._answer(HTTPStatus.OK, json.dumps({"messages": list(messages)}), "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "there are / and /log\n")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > LARGEST_BODY:
            self.close_connection = True
            return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST_BODY} bytes\n")
        try:
            message = json.loads(self.rfile.read(length))
        except ValueError as error:
            return self._answer(HTTPStatus.BAD_REQUEST, f"this is not JSON: {error}\n")
        if not isinstance(message, dict):
            return self._answer(HTTPStatus.BAD_REQUEST, "a message is a JSON object\n")
        messages.append(message)
        return self._answer(HTTPStatus.ACCEPTED, "")

    def _answer(self, status: HTTPStatus, body: str, content_type: str = "text/plain; charset=utf-8") -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def page() -> str:
    names = ("ticketId", "newTicketId", "version", "eventId")
    rows = (
        "".join(f"<td>{escape(str(message.get(name, '')))}</td>" for name in names) for message in reversed(messages)
    )
    return PAGE.format(count=len(messages), rows="\n".join(f"<tr>{row}</tr>" for row in rows))


if __name__ == "__main__":
    with ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), Receiver) as server:
        server.serve_forever()
