"""Run the demo of `up --demo`: cancel one ticket, and show how the change reaches every other part.

    python -m config.up.story URL [ACCESS_SYSTEM_URL]

It calls the service as any client does, with the settings of the running servers.
"""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from typing import Any

import django
import httpx
from django.conf import settings
from django.core.management import CommandError, call_command

from config.loading import nothing_collected
from config.supervisord.errors import CannotStart
from config.up.narrator import Narrator
from config.up.preparation import ADMIN
from events.management.command import Output
from events.management.console import Console

PATIENCE_SECONDS = 30.0
STORY_POLL_SECONDS = 0.02
LESS_EXACT = 0.05
"""The share of the time waited so far by which an answer may be noticed late."""
NEWEST_ENTRIES = 100
CANCELED = "ticket.canceled"
STORY = "up --demo"


def _tell(service: httpx.Client, access_system: httpx.Client | None, console: Console) -> None:
    """Tell the story with the seconds since its start, then since the cancellation; raise CannotStart."""
    narrator = Narrator(console)
    narrator.tell(
        f"Sample tickets: {_printed('import_tickets', str(settings.BASE_DIR / 'tickets/sample_tickets.csv'))}"
    )
    ticket = _some_issued_ticket(service)
    narrator = Narrator(console)
    replacement = _request(service, "POST", f"/api/tickets/{ticket['id']}/cancel/")["replacement"]
    narrator.tell(f"Ticket {ticket['code']} is cancelled over REST, {replacement['code']} replaces it")
    position = _awaited(lambda: _position_on_stream(ticket["id"]), "the event did not reach the stream")
    narrator.tell(f"The event is on the stream, as entry {position}-0")
    if access_system:
        message = _awaited(lambda: _message_about(ticket["id"], access_system), "the access system was not told")
        narrator.tell(f"The access system was told that {message['newTicketId']} replaces {message['ticketId']}")
    hit = _awaited(lambda: _first_hit(service, replacement["code"]), "the search did not find the replacement")
    narrator.tell(f"The search finds {hit['code']}: {hit['title']}, {hit['venue']}, {hit['seat'] or 'no seat'}")


def _some_issued_ticket(service: httpx.Client) -> dict[str, Any]:
    tickets = _request(service, "GET", "/api/tickets/", status="issued")["results"]
    if not tickets:
        raise CannotStart(
            "there is no issued ticket to cancel: issue one in the admin, or use an empty folder (--data DIR)"
        )
    return dict(tickets[0])


def _position_on_stream(ticket_id: str) -> int | None:
    """Return the position of the ticket's cancellation, if it is among the newest entries of the stream."""
    from events.log.partitions import partition_of  # noqa: PLC0415 (there are no models before django.setup())
    from events.stream.interface import open_stream  # noqa: PLC0415

    with closing(open_stream()) as stream:
        entries = stream.last_entries(partition_of(ticket_id), count=NEWEST_ENTRIES)
    envelopes = (entry.envelope for entry in entries if entry.envelope)
    return next((found.position for found in envelopes if (found.subject, found.type) == (ticket_id, CANCELED)), None)


def _message_about(ticket_id: str, access_system: httpx.Client) -> dict[str, Any] | None:
    messages = _request(access_system, "GET", "/log")["messages"]
    return next((message for message in messages if message["ticketId"] == ticket_id), None)


def _first_hit(service: httpx.Client, code: str) -> dict[str, Any] | None:
    response = service.get("/api/search/tickets/", params={"q": code})
    hits = response.json()["results"] if response.is_success else []  # 503 until the read model has an index
    return next((hit for hit in hits if hit["code"] == code), None)


def _awaited[T](condition: Callable[[], T | None], otherwise: str) -> T:
    begun = time.monotonic()
    while (answer := condition()) is None:
        waited_seconds = time.monotonic() - begun
        if waited_seconds > PATIENCE_SECONDS:
            raise CannotStart(
                f"{otherwise} within {PATIENCE_SECONDS:.0f} s; look at the files in {settings.DATA_DIR / 'log'}"
            )
        time.sleep(max(STORY_POLL_SECONDS, waited_seconds * LESS_EXACT))
    return answer


def _request(service: httpx.Client, method: str, path: str, **parameters: str) -> dict[str, Any]:
    response = service.request(method, path, params=parameters)
    if not response.is_success:
        raise CannotStart(f"{method} {path} was answered with {response.status_code}: {response.text[:500]}")
    return dict(response.json())


def _printed(command: str, *arguments: str) -> str:
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue().strip()


def _main(url: str, access_system_url: str = "") -> None:
    with nothing_collected():
        django.setup()
    token = _printed("create_token", ADMIN, "--name", STORY, "--rotate")
    headers = {"Authorization": f"Bearer {token}"}
    with _client(url, headers) as service, _client(access_system_url, {}) as access_system:
        _tell(service, access_system if access_system_url else None, Console(Output(sys.stdout), highlight=False))


def _client(url: str, headers: dict[str, str]) -> httpx.Client:
    # trust_env: a proxy can't reach this machine.
    return httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)


if __name__ == "__main__":
    try:
        _main(*sys.argv[1:])
    except (CannotStart, CommandError, httpx.HTTPError) as error:
        sys.exit(str(error))
