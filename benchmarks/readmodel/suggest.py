"""Measure the suggestions while somebody types, among 100,000 tickets.

    uv run python -m benchmarks.readmodel.suggest

Each request goes the whole way through Django, as a user with the permission. It types the first one to eight letters
of a ticket's title, venue, holder or code, half of the time after a whole word. A request that types nothing does not
ask Elasticsearch: its time is Django's part.
"""

import random
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project

if TYPE_CHECKING:
    from rest_framework.test import APIClient

TICKETS = 100_000
BATCH = 2_000
REQUESTS = 1_000
WARM_UP = 200
CHANGES_PER_SECOND = 200
PATH = "/api/search/tickets/suggestions/"
SYLLABLES = ("ka", "lo", "mi", "ren", "sta", "vé", "ton", "dra", "el", "ös", "pa", "qui", "zo", "na", "be", "ří")

chance = random.Random(1)  # The same tickets each time.


def main() -> None:
    with loaded_project():
        measure()


def measure() -> None:
    from readmodel.subscriber import ReadModel  # noqa: PLC0415 (after the setup)

    tickets = [sample_ticket(number) for number in range(TICKETS)]
    table = Table(
        "tickets", "p50, ms", "p95, ms", "p99, ms", title=f"{REQUESTS:,} suggestions among {TICKETS:,} tickets"
    )
    with closing(ReadModel()) as read_model:
        read_model.open()
        for start in range(0, TICKETS, BATCH):
            read_model.handle([issued(fields) for fields in tickets[start : start + BATCH]])
        client = viewing_client()
        durations(client, tickets, WARM_UP)
        add_row(table, "nothing typed", [milliseconds(client, "") for _ in range(REQUESTS)])
        add_row(table, "at rest", durations(client, tickets, REQUESTS))
        with changing(read_model, tickets):
            add_row(table, f"{CHANGES_PER_SECOND} of them change each second", durations(client, tickets, REQUESTS))
    Console().print(table)


def sample_ticket(number: int) -> dict[str, Any]:
    words = [word(chance.randrange(2_000)) for _ in range(chance.randint(2, 5))]
    return {
        "number": number,
        "code": f"{chance.getrandbits(40):X}"[:8],
        "title": " ".join(words[:2]) if chance.random() < 0.9 else " ".join(words),  # noqa: PLR2004 (mostly repeated)
        "venue": f"{word(chance.randrange(300))} {chance.choice(('Arena', 'Hall', 'Opéra', 'Theater'))}",
        "holder_name": f"{word(chance.randrange(400))} {word(400 + chance.randrange(3_000))}",
    }


def word(number: int) -> str:
    """Return the word with this number."""
    syllables = random.Random(number)  # The same word each time.
    return "".join(syllables.choices(SYLLABLES, k=syllables.randint(2, 4))).capitalize()


def issued(fields: dict[str, Any], version: int = 1) -> Any:
    from tests.ticket_events import envelope_of, ticket  # noqa: PLC0415
    from tickets.events import TicketIssued  # noqa: PLC0415

    return envelope_of(TicketIssued(ticket=ticket(**fields, version=version)))


def viewing_client() -> "APIClient":
    from django.contrib.auth.models import Permission, User  # noqa: PLC0415
    from rest_framework.test import APIClient  # noqa: PLC0415

    user = User.objects.create_user(uuid4().hex)
    user.user_permissions.add(Permission.objects.get(codename="view_ticket"))
    client = APIClient(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def durations(client: "APIClient", tickets: Sequence[dict[str, Any]], requests: int) -> list[float]:
    """Return the milliseconds of each request."""
    return [milliseconds(client, beginning_of(chance.choice(tickets))) for _ in range(requests)]


def milliseconds(client: "APIClient", typed: str) -> float:
    started = time.perf_counter()
    answer = client.get(PATH, {"q": typed})
    taken = time.perf_counter() - started
    if not (answer.status_code == 200 and bool(answer.json()["suggestions"]) == bool(typed)):  # noqa: PLR2004
        raise RuntimeError(f"not what {typed!r} should suggest: {answer.content!r}")
    return taken * 1_000


def beginning_of(ticket: dict[str, Any]) -> str:
    whole, *others = ticket[chance.choice(("title", "venue", "holder_name", "code"))].split()
    if others and chance.random() < 0.5:  # noqa: PLR2004 (one of two)
        return f"{whole} {others[0][: chance.randint(1, 8)]}"
    return str(whole[: chance.randint(1, 8)])


@contextmanager
def changing(read_model: Any, tickets: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Change tickets all the time, so that the index is refreshed every second."""
    ended = threading.Event()

    def change() -> None:
        version = 1
        while not ended.wait(1):
            version += 1
            read_model.handle([issued(fields, version) for fields in chance.sample(tickets, CHANGES_PER_SECOND)])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def add_row(table: Table, name: str, taken: list[float]) -> None:
    hundredths = statistics.quantiles(taken, n=100)
    table.add_row(name, *(f"{hundredths[percent - 1]:.1f}" for percent in (50, 95, 99)))


if __name__ == "__main__":
    main()
