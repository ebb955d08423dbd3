"""Stand in for an access system: take the webhooks that the consumer group `access` sends, and show the last ones.

    python -m config.web.receiver PORT

POST / takes a signed message, GET / shows the messages as a page, GET /log as JSON.
"""

import json
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from config import settings
from config.supervisord.ports import LOOPBACK
from tickets.webhooks.signing import signers

KEPT = 1000
LARGEST_BODY = 100_000
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Access system</title>
<style>
body {{ font: 16px sans-serif; margin: 2rem }}
td, th {{ padding: .2rem 1rem .2rem 0; text-align: left }}
.verified {{ color: #070 }} .refused {{ color: #a00 }}
</style>
<h1>Access system</h1>
<p>The last {count} messages, the newest first. The gates refuse each of these tickets and open for its replacement.</p>
{refused}
<table><tr><th>void ticket</th><th>replaced by</th><th>version</th><th>event</th><th>signature</th></tr>
{rows}
</table>
</html>
"""


class AccessReceiver(ThreadingHTTPServer):
    """Keep the messages that are signed with one of the secrets, and the reasons for refusing others."""

    def __init__(self, port: int, verifiers: Sequence[Webhook]) -> None:
        super().__init__((LOOPBACK, port), Receiver)
        self.verifiers = verifiers
        self.messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.refused: deque[str] = deque(maxlen=KEPT)

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise WebhookVerificationError unless one of the secrets signed the message, within the last minutes."""
        failure: Exception = WebhookVerificationError("this receiver has no secret; set ACCESS_SYSTEM_SECRETS")
        for verifier in self.verifiers:
            try:
                verifier.verify(body, dict(headers), json_parse=False)
            except (WebhookVerificationError, ValueError) as error:  # ValueError: a header is malformed.
                failure = error
            else:
                return
        raise WebhookVerificationError(str(failure)) from failure


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AccessReceiver

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(HTTPStatus.OK, _page(self.server), "text/html; charset=utf-8")
        elif self.path == "/log":
            self._answer(HTTPStatus.OK, json.dumps({"messages": list(self.server.messages)}), "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "this receiver serves only / and /log\n")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > LARGEST_BODY:
            self.close_connection = True
            return self._answer(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the message is too large: send at most {LARGEST_BODY} bytes\n"
            )
        body = self.rfile.read(length)
        try:
            self.server.verify(body, dict(self.headers))
            message = json.loads(body)
        except WebhookVerificationError as error:
            self.server.refused.append(str(error))
            return self._answer(
                HTTPStatus.UNAUTHORIZED,
                f"the signature is not valid ({error}): sign with one of ACCESS_SYSTEM_SECRETS\n",
            )
        except ValueError as error:
            return self._answer(HTTPStatus.BAD_REQUEST, f"the message is not JSON: {error}\n")
        if not isinstance(message, dict) or not isinstance(message.get("data"), dict):
            return self._answer(
                HTTPStatus.BAD_REQUEST, "a message must be a JSON object with `type`, `timestamp` and `data`\n"
            )
        if message["data"]:  # A test message has none.
            self.server.messages.append({"type": message.get("type"), **message["data"]})
        return self._answer(HTTPStatus.ACCEPTED, "")

    def _answer(self, status: HTTPStatus, body: str, content_type: str = "text/plain; charset=utf-8") -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _page(server: AccessReceiver) -> str:
    messages, refused = list(server.messages), list(server.refused)
    names = ("ticketId", "newTicketId", "version", "eventId")
    cells = ("".join(f"<td>{escape(str(message.get(name, '')))}</td>" for name in names) for message in messages[::-1])
    rows = "\n".join(f'<tr>{row}<td class="verified">✓ verified</td></tr>' for row in cells)
    warning = (
        f'<p class="refused">✗ {len(refused)} refused; the last one because: {escape(refused[-1])}</p>'
        if refused
        else ""
    )
    return PAGE.format(count=len(messages), refused=warning, rows=rows)


if __name__ == "__main__":
    with AccessReceiver(int(sys.argv[1]), signers(settings.ACCESS_SYSTEM_SECRETS)) as server:
        server.serve_forever()
